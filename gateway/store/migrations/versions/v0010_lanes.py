"""Indexes that keep a start and a claim from reading past a million rows: by lane, by lease, by ground."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_GROUND = ["channel", "adapter", "base_address", "account_id", "duplicate_mode", "key_ids"]
_DUE = sa.text("due_at IS NOT NULL")
_LEASED = sa.text("lease_until IS NOT NULL")


def upgrade() -> None:
    op.create_index("payouts_lanes", "payouts", ["app", "channel", "due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("payouts_leased", "payouts", ["lease_until"], sqlite_where=_LEASED, postgresql_where=_LEASED)
    op.drop_index("attempts_live", "attempts")
    op.create_index("attempts_live", "attempts", _GROUND, sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("callbacks_lanes", "callbacks", ["endpoint", "due_at"], sqlite_where=_DUE, postgresql_where=_DUE)


def downgrade() -> None:
    op.drop_index("callbacks_lanes", "callbacks")
    op.drop_index("attempts_live", "attempts")
    op.create_index("attempts_live", "attempts", ["channel", "state"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.drop_index("payouts_leased", "payouts")
    op.drop_index("payouts_lanes", "payouts")
