"""On what terms a payout is paid: its app's preference, until when, and what happens then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payouts", sa.Column("preference", sa.Text(), nullable=True))
    op.add_column("payouts", sa.Column("send_by", sa.BigInteger(), nullable=True))
    op.add_column("payouts", sa.Column("on_expiry", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("payouts", "on_expiry")
    op.drop_column("payouts", "send_by")
    op.drop_column("payouts", "preference")
