"""Saved beneficiaries of apps, and what was made under their idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "beneficiaries",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_index", sa.LargeBinary(), nullable=False),
        sa.Column("beneficiary_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id"),
    )
    op.create_index("beneficiaries_by_account", "beneficiaries", ["app", "account_index"])
    op.create_table(
        "idempotency_keys",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("made", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app", "mark"),
    )
    op.create_index("idempotency_keys_until", "idempotency_keys", ["until"])


def downgrade() -> None:
    op.drop_index("idempotency_keys_until", "idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index("beneficiaries_by_account", "beneficiaries")
    op.drop_table("beneficiaries")
