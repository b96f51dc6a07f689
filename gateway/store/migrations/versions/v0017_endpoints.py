"""Callback endpoints that apps make, and events that are of no payout."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OF_A_PAYOUT, _OF_ANY = "payout_id TEXT NOT NULL", "payout_id TEXT"


def upgrade() -> None:
    op.create_table(
        "callback_endpoints",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("keys_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_for", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id"),
    )
    op.create_index("callbacks_in_time", "callbacks", ["app", "created_at", "id"])
    _callbacks(nullable=True)


def downgrade() -> None:
    # Of no payout: an older version could neither keep nor send them.
    of_none = "SELECT shard, id, endpoint FROM callbacks WHERE payout_id IS NULL"
    op.execute(f"DELETE FROM deliveries WHERE (shard, callback_id, endpoint) IN ({of_none})")  # noqa: S608 - words of ours
    op.execute("DELETE FROM callbacks WHERE payout_id IS NULL")
    _callbacks(nullable=False)
    op.drop_index("callbacks_in_time", "callbacks")
    op.drop_table("callback_endpoints")


def _callbacks(*, nullable: bool) -> None:
    """Whether a callback may be of no payout. SQLite would copy the table, which may be most of the file, so there the
    words of its definition are changed: what a row looks like on the disk is the same (sqlite.org/lang_altertable.html,
    section 7).
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.alter_column("callbacks", "payout_id", nullable=nullable)
        return
    was, will_be = (_OF_A_PAYOUT, _OF_ANY) if nullable else (_OF_ANY, _OF_A_PAYOUT)
    version = int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'callbacks'", (was, will_be)
    )
    if changed.rowcount != 1:
        raise RuntimeError("there is no table of callbacks")
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")
