"""Failed payouts that are ordered again: the link in both, and the intent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("payouts", sa.Column("retry_of", sa.Text(), nullable=True))
    op.add_column("payouts", sa.Column("retried_as", sa.Text(), nullable=True))
    op.create_table(
        "retries",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("retried_as", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("beneficiary_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("send_by", sa.BigInteger(), nullable=True),
        sa.Column("on_expiry", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["shard", "payout_id"], ["payouts.shard", "payouts.id"]),
        sa.PrimaryKeyConstraint("shard", "payout_id"),
    )
    op.create_index("retries_open", "retries", ["made_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_index("retries_open", "retries")
    op.drop_table("retries")
    op.drop_column("payouts", "retried_as")
    op.drop_column("payouts", "retry_of")
