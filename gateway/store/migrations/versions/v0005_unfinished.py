"""An index over what has not ended, so that counting it does not read what has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "payouts_unfinished",
        "payouts",
        ["status", "created_at"],
        sqlite_where=sa.text("status NOT IN ('paid', 'failed', 'canceled', 'returned')"),
        postgresql_where=sa.text("status NOT IN ('paid', 'failed', 'canceled', 'returned')"),
    )


def downgrade() -> None:
    op.drop_index("payouts_unfinished", "payouts")
