"""Keys begin with what the time orders, and hold the shard further back: rows of one moment lie side by side.

Our ids begin with the time since this revision (`gateway.domain.identity`); those of before stay as they are and are
found as before.

SQLite has no way to reorder a key but to write the table anew: it takes room for a second copy, and all of it is one
transaction. PostgreSQL builds the keys beside the work of running nodes and holds the tables only while the old ones
are replaced; what breaks off half way is done again from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

Keys = Mapping[str, Sequence[str]]

IN_TIME: Keys = {
    "references": ("app", "reference", "shard"),
    "payouts": ("id", "shard"),
    "attempts": ("payout_id", "shard", "number"),
    "reservations": ("payout_id", "shard", "number"),
    "events": ("payout_id", "shard", "sequence"),
    "evidence": ("payout_id", "shard", "number"),
    "notifications": ("payout_id", "channel", "event_id", "shard"),
    "incidents": ("payout_id", "shard", "number"),
    "freezes": ("payout_id", "shard", "number"),
    "requests": ("id", "shard"),
    "callbacks": ("id", "shard", "endpoint"),
    "deliveries": ("callback_id", "shard", "endpoint", "number"),
    "retries": ("payout_id", "shard"),
    "batches": ("id", "shard"),
    "batch_references": ("app", "reference", "shard"),
    "batch_pages": ("batch_id", "shard", "number"),
    "archived_payouts": ("payout_id", "shard"),
    "archived_incidents": ("payout_id", "shard", "number"),
}
BY_SHARD: Keys = {
    "notifications": ("shard", "channel", "event_id", "payout_id"),
    **{
        table: ("shard", *(column for column in key if column != "shard"))
        for table, key in IN_TIME.items()
        if table != "notifications"
    },
}
"""As they were."""
INDEXES = {
    "attempts_one_not_rejected": ("attempts", "UNIQUE INDEX", " WHERE state <> 'rejected'"),
    "callbacks_of_payout": ("callbacks", "INDEX", ""),
}
_OF_PAYOUT = ("payout_id", "shard")
_KEY = re.compile(r"PRIMARY KEY \([^)]*\)")
_AHEAD = "_ahead"


def upgrade() -> None:
    _change(IN_TIME, _OF_PAYOUT)
    op.create_index("requests_of_payout", "requests", _OF_PAYOUT)  # its shard led to them


def downgrade() -> None:
    op.drop_index("requests_of_payout", table_name="requests", if_exists=True)
    _change(BY_SHARD, _OF_PAYOUT[::-1])


def _change(keys: Keys, indexed: Sequence[str]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _write_anew(keys, indexed)
    else:
        _swap(keys, indexed)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


# SQLite --------------------------------------------------------------------------------------------------------------


def _write_anew(keys: Keys, indexed: Sequence[str]) -> None:
    """The procedure of SQLite's manual (ALTER TABLE, section 7), with foreign keys switched off by whoever migrates."""
    bind = op.get_bind()
    for table, key in keys.items():
        _write_table_anew(bind, table, key)
    for name, (table, kind, condition) in INDEXES.items():
        bind.exec_driver_sql(f'DROP INDEX "{name}"')
        bind.exec_driver_sql(f'CREATE {kind} "{name}" ON "{table}" ({_listed(indexed)}){condition}')
    broken = bind.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise RuntimeError(f"a row of {broken[0]} lost the row that it belongs to: nothing was changed")


def _write_table_anew(bind: sa.Connection, table: str, key: Sequence[str]) -> None:
    columns = _listed([column["name"] for column in sa.inspect(bind).get_columns(table)])
    said = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type = ? AND sql IS NOT NULL"
    (made,) = bind.exec_driver_sql(said, (table, "table")).scalars().all()
    indexes = bind.exec_driver_sql(said, (table, "index")).scalars().all()
    name, body = made.split("(", 1)
    body, found = _KEY.subn(f"PRIMARY KEY ({_listed(key)})", body)
    if found != 1 or table not in name:
        raise RuntimeError(f"{table} is not as the migrations made it")
    bind.exec_driver_sql(f'CREATE TABLE "{table}{_AHEAD}" ({body}')
    bind.exec_driver_sql(
        f'INSERT INTO "{table}{_AHEAD}" (rowid, {columns}) SELECT rowid, {columns} FROM "{table}" ORDER BY rowid'  # noqa: S608 - names of ours
    )
    bind.exec_driver_sql(f'DROP TABLE "{table}"')
    bind.exec_driver_sql(f'ALTER TABLE "{table}{_AHEAD}" RENAME TO "{table}"')
    for index in indexes:
        bind.exec_driver_sql(index)


# PostgreSQL ----------------------------------------------------------------------------------------------------------


def _swap(keys: Keys, indexed: Sequence[str]) -> None:
    bind, context = op.get_bind(), op.get_context()
    followers = [
        (table, each["name"], each["constrained_columns"], each["referred_table"], each["referred_columns"])
        for table in sa.inspect(bind).get_table_names()
        for each in sa.inspect(bind).get_foreign_keys(table)
        if each["referred_table"] in keys
    ]
    with context.autocommit_block():
        bind = op.get_bind()
        bind.exec_driver_sql("SET lock_timeout = 0")  # nobody waits for this, however long it waits for others
        for table, key in keys.items():
            _build(bind, f"{table}_key", "UNIQUE INDEX", table, key)
        for name, (table, kind, condition) in INDEXES.items():
            _build(bind, name, kind, table, indexed, condition)
        bind.exec_driver_sql("SET lock_timeout = '2s'")
    bind = op.get_bind()
    for follower, constraint, *_ in followers:
        bind.exec_driver_sql(f'ALTER TABLE "{follower}" DROP CONSTRAINT "{constraint}"')
    for table in keys:
        bind.exec_driver_sql(
            f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey",'
            f' ADD CONSTRAINT "{table}_pkey" PRIMARY KEY USING INDEX "{table}_key{_AHEAD}"'
        )
    for name in INDEXES:
        bind.exec_driver_sql(f'DROP INDEX "{name}"')
        bind.exec_driver_sql(f'ALTER INDEX "{name}{_AHEAD}" RENAME TO "{name}"')
    for follower, constraint, columns, other, its in followers:
        bind.exec_driver_sql(
            f'ALTER TABLE "{follower}" ADD CONSTRAINT "{constraint}" FOREIGN KEY ({_listed(columns)})'
            f' REFERENCES "{other}" ({_listed(its)}) NOT VALID'
        )
    with context.autocommit_block():
        bind = op.get_bind()
        for follower, constraint, *_ in followers:
            bind.exec_driver_sql(f'ALTER TABLE "{follower}" VALIDATE CONSTRAINT "{constraint}"')


def _build(bind: sa.Connection, name: str, kind: str, table: str, columns: Sequence[str], condition: str = "") -> None:
    bind.exec_driver_sql(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}{_AHEAD}"')  # of a try that broke off
    bind.exec_driver_sql(f'CREATE {kind} CONCURRENTLY "{name}{_AHEAD}" ON "{table}" ({_listed(columns)}){condition}')
