"""Holds, resolutions, requests of two people, crashes in a row, what a notification said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNDER_REVIEW = sa.text("hold_code IS NOT NULL OR frozen")
_OPEN = sa.text("approved_at IS NULL AND withdrawn_at IS NULL")


def upgrade() -> None:
    op.add_column("payouts", sa.Column("hold_code", sa.Text()))
    op.add_column("payouts", sa.Column("hold_at", sa.BigInteger()))
    op.add_column("payouts", sa.Column("patient_since", sa.BigInteger()))
    op.add_column("payouts", sa.Column("resolved_paid", sa.Boolean()))
    op.add_column("payouts", sa.Column("resolved_at", sa.BigInteger()))
    op.add_column("payouts", sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "payouts_under_review", "payouts", ["hold_at"], sqlite_where=_UNDER_REVIEW, postgresql_where=_UNDER_REVIEW
    )
    op.add_column("notifications", sa.Column("said", sa.LargeBinary()))
    op.create_table(
        "requests",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence_sealed", sa.LargeBinary()),
        sa.Column("evidence_sha256", sa.Text()),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("approved_at", sa.BigInteger()),
        sa.Column("withdrawn_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("shard", "id"),
    )
    op.create_index("requests_open", "requests", ["made_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_table("requests")
    op.drop_index("payouts_under_review", "payouts")
    with op.batch_alter_table("notifications") as table:
        table.drop_column("said")
    with op.batch_alter_table("payouts") as table:
        for name in ("hold_code", "hold_at", "patient_since", "resolved_paid", "resolved_at", "crashes"):
            table.drop_column(name)
