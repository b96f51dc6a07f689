"""What is kept for ever of payouts that were moved to an archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archived_payouts",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("returned_minor", sa.BigInteger(), nullable=True),
        sa.Column("beneficiary_kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("retry_of", sa.Text(), nullable=True),
        sa.Column("retried_as", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=False),
        sa.Column("archive", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "payout_id"),
    )
    op.create_table(
        "archived_attempts",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("channel_reference", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("channel_payout_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "channel_reference"),
        sa.ForeignKeyConstraint(["shard", "payout_id"], ["archived_payouts.shard", "archived_payouts.payout_id"]),
    )
    op.create_index("archived_attempts_channel_payout", "archived_attempts", ["channel", "channel_payout_id"])
    op.create_table(
        "archived_incidents",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "payout_id", "number"),
        sa.ForeignKeyConstraint(["shard", "payout_id"], ["archived_payouts.shard", "archived_payouts.payout_id"]),
    )


def downgrade() -> None:
    op.drop_table("archived_incidents")
    op.drop_table("archived_attempts")
    op.drop_table("archived_payouts")
