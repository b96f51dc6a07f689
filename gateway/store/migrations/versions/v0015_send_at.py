"""When a payout is to be sent at the earliest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payouts", sa.Column("send_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("payouts", "send_at")
