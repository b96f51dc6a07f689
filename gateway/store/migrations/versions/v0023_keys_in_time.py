"""Keys begin with what the time orders, and hold the shard further back: rows of one moment lie side by side.

Our ids begin with the time since this revision (`gateway.domain.identity`); those of before stay as they are and are
found as before.

Nobody is at work meanwhile (`gateway.store.migrate.ALONE`), for earlier versions do not find the new ids. SQLite has no
way to reorder a key but to write the table anew.
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
OURS = ("payouts", "batches", "requests")
"""Tables of what has an id of ours."""
_OF_PAYOUT = ("payout_id", "shard")
_KEY = re.compile(r"PRIMARY KEY \([^)]*\)")
_NEW = "_new"


def upgrade() -> None:
    _change(IN_TIME, _OF_PAYOUT)
    op.create_index("requests_of_payout", "requests", _OF_PAYOUT)  # its shard led to them


def downgrade() -> None:
    bind = op.get_bind()
    for table in OURS:
        if bind.exec_driver_sql(f"SELECT 1 FROM \"{table}\" WHERE substr(id, 4, 1) = 'e'").first() is not None:  # noqa: S608 - names of ours
            raise RuntimeError(f"there are {table} that an earlier version would not find")
    op.drop_index("requests_of_payout", table_name="requests")
    _change(BY_SHARD, _OF_PAYOUT[::-1])


def _change(keys: Keys, indexed: Sequence[str]) -> None:
    bind = op.get_bind()
    for name in INDEXES:
        bind.exec_driver_sql(f'DROP INDEX "{name}"')
    if bind.dialect.name == "sqlite":
        for table, key in keys.items():
            _write_anew(bind, table, key)
        _check(bind)
    else:
        _replace(bind, keys)
    for name, (table, kind, condition) in INDEXES.items():
        bind.exec_driver_sql(f'CREATE {kind} "{name}" ON "{table}" ({_listed(indexed)}){condition}')


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _write_anew(bind: sa.Connection, table: str, key: Sequence[str]) -> None:
    """The procedure of SQLite's manual (ALTER TABLE, section 7), with foreign keys switched off by whoever migrates."""
    columns = _listed([column["name"] for column in sa.inspect(bind).get_columns(table)])
    said = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type = ? AND sql IS NOT NULL"
    (made,) = bind.exec_driver_sql(said, (table, "table")).scalars().all()
    indexes = bind.exec_driver_sql(said, (table, "index")).scalars().all()
    name, body = made.split("(", 1)
    body, found = _KEY.subn(f"PRIMARY KEY ({_listed(key)})", body)
    if found != 1 or table not in name:
        raise RuntimeError(f"{table} is not as the migrations made it")
    bind.exec_driver_sql(f'CREATE TABLE "{table}{_NEW}" ({body}')
    bind.exec_driver_sql(
        f'INSERT INTO "{table}{_NEW}" (rowid, {columns}) SELECT rowid, {columns} FROM "{table}" ORDER BY rowid'  # noqa: S608 - names of ours
    )
    bind.exec_driver_sql(f'DROP TABLE "{table}"')
    bind.exec_driver_sql(f'ALTER TABLE "{table}{_NEW}" RENAME TO "{table}"')
    for index in indexes:
        bind.exec_driver_sql(index)


def _check(bind: sa.Connection) -> None:
    broken = bind.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise RuntimeError(f"a row of {broken[0]} lost the row that it belongs to: nothing was changed")


def _replace(bind: sa.Connection, keys: Keys) -> None:
    """PostgreSQL's way: what refers to a key goes before it, and comes again after it."""
    there = sa.inspect(bind)
    followers = [
        (table, each["name"], each["constrained_columns"], each["referred_table"], each["referred_columns"])
        for table in there.get_table_names()
        for each in there.get_foreign_keys(table)
        if each["referred_table"] in keys
    ]
    for follower, constraint, *_ in followers:
        bind.exec_driver_sql(f'ALTER TABLE "{follower}" DROP CONSTRAINT "{constraint}"')
    for table, key in keys.items():
        bind.exec_driver_sql(
            f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey",'
            f' ADD CONSTRAINT "{table}_pkey" PRIMARY KEY ({_listed(key)})'
        )
    for follower, constraint, columns, other, its in followers:
        bind.exec_driver_sql(
            f'ALTER TABLE "{follower}" ADD CONSTRAINT "{constraint}" FOREIGN KEY ({_listed(columns)})'
            f' REFERENCES "{other}" ({_listed(its)})'
        )
