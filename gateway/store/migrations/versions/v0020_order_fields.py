"""Which channels may carry a payout, as its app says; and on whose behalf it is paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payouts", sa.Column("channels", sa.Text(), nullable=True))
    op.add_column("payouts", sa.Column("payer_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("payouts", "payer_sealed")
    op.drop_column("payouts", "channels")
