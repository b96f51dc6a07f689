"""Batches, their pages, and which payouts they made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_IN_A_BATCH = sa.text("batch_id IS NOT NULL")
_DUE = sa.text("due_at IS NOT NULL")
_UNREADY = sa.text("ready_at IS NULL")
_OPEN = sa.text("completed_at IS NULL")


def upgrade() -> None:
    op.add_column("payouts", sa.Column("batch_id", sa.Text(), nullable=True))
    op.create_index(
        "payouts_of_batch",
        "payouts",
        ["app", "batch_id", "created_at", "id"],
        sqlite_where=_IN_A_BATCH,
        postgresql_where=_IN_A_BATCH,
    )
    op.create_table(
        "batches",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("pages_done", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id"),
    )
    op.create_index("batches_due", "batches", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("batches_unready", "batches", ["created_at"], sqlite_where=_UNREADY, postgresql_where=_UNREADY)
    op.create_index("batches_open", "batches", ["app"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "batch_references",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "app", "reference"),
    )
    op.create_table(
        "batch_pages",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("orders_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["shard", "batch_id"], ["batches.shard", "batches.id"]),
        sa.PrimaryKeyConstraint("shard", "batch_id", "number"),
    )


def downgrade() -> None:
    op.drop_table("batch_pages")
    op.drop_table("batch_references")
    for index in ("batches_open", "batches_unready", "batches_due"):
        op.drop_index(index, "batches")
    op.drop_table("batches")
    op.drop_index("payouts_of_batch", "payouts")
    op.drop_column("payouts", "batch_id")
