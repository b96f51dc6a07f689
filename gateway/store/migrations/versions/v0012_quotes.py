"""The quote that an order was made with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payouts", sa.Column("quote", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("payouts", "quote")
