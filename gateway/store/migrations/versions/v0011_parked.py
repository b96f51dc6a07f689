"""Indexes over what is little of much: callbacks that were given up, attempts that are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PARKED = sa.text("parked_at IS NOT NULL")
_OPEN = sa.text("state IN ('pending', 'sending', 'unknown')")


def upgrade() -> None:
    op.create_index("callbacks_parked", "callbacks", ["parked_at"], sqlite_where=_PARKED, postgresql_where=_PARKED)
    op.create_index("attempts_open", "attempts", ["first_sent_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_index("attempts_open", "attempts")
    op.drop_index("callbacks_parked", "callbacks")
