"""Data keys; payouts are found by their beneficiary's account, blindly, and may be erased; their purpose is sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("payouts", sa.Column("purpose_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("payouts", sa.Column("account_index", sa.LargeBinary(), nullable=True))
    op.add_column("payouts", sa.Column("erased_at", sa.BigInteger(), nullable=True))
    known = sa.text("account_index IS NOT NULL")
    op.create_index(
        "payouts_by_account",
        "payouts",
        ["account_index", "created_at"],
        sqlite_where=known,
        postgresql_where=known,
    )


def downgrade() -> None:
    op.drop_index("payouts_by_account", "payouts")
    op.drop_column("payouts", "erased_at")
    op.drop_column("payouts", "account_index")
    op.drop_column("payouts", "purpose_sealed")
    op.drop_table("data_keys")
