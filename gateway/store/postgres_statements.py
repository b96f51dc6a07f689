"""What PostgreSQL says otherwise than SQLite: with row locks, with SKIP LOCKED, with ON CONFLICT; built once.

Row locks are `FOR NO KEY UPDATE`, the lock that an UPDATE takes anyway. Names of parameters as in `statements`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from gateway.store import quick, schema
from gateway.store import statements as sql
from gateway.store.archived_rows import ARCHIVED

_P, _C, _N, _U, _M = schema.payouts.c, schema.callbacks.c, schema.nonces.c, schema.usage.c, schema.meta.c

_COUNTED: dict[str, bool] = {"preserve_rowcount": True}
"""For an INSERT whose rows are counted afterwards: SQLAlchemy does not by itself."""


def insert_once(table: Table) -> Insert:
    """Changes one row, or none where the key is taken: whoever is writing the same one is waited for."""
    return insert(table).on_conflict_do_nothing().execution_options(**_COUNTED)


# Locks ---------------------------------------------------------------------------------------------------------------

SPACE = 0x706D
"""The first number of our advisory locks; the second says which."""
WORDS_SPACE = SPACE + 1
"""Likewise, of the words of `meta`; the second is drawn from the word."""
DUTIES_SPACE = SPACE + 2
"""Likewise, of what one node does for all."""


class Lock(IntEnum):
    """What no row stands for."""

    SAFETY = 1
    """Quarantine and ask-first time: shared by every group, alone for whoever changes them."""
    PEOPLE = 2
    AUDIT = 3
    """Each line is bound to the one before."""
    OVERRIDES = 4
    MIGRATION = 5
    SWEEPING = 6
    """Periodic work, by one node at a time."""
    ALIVE = 7
    """Held, shared, by the writer of every node that has joined, for as long as its session lasts."""


ENDPOINTS = "endpoints"
"""The row of `meta` that counts changes of callback endpoints: what a writer knows of them holds until it is raised."""

_MICROSECONDS = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
BEGUN = select(
    func.pg_advisory_xact_lock_shared(SPACE, int(Lock.SAFETY)),
    # After the lock, which may be waited for longer; in SET LOCAL's place, so that it costs no round trip of its own.
    func.set_config("lock_timeout", bindparam("lock_timeout", type_=Text), literal(True)),
    cast(_MICROSECONDS, schema.Moment).label("at"),
    select(_M.value).where(_M.name == ENDPOINTS).scalar_subquery().label("endpoints"),
)
"""The first words of each transaction of the writer."""
TAKE = select(func.pg_advisory_xact_lock(bindparam("space", type_=Integer), bindparam("which", type_=Integer)))
JOIN = select(func.pg_advisory_lock_shared(SPACE, int(Lock.ALIVE)))
"""Until the session ends."""
LEAD = select(func.pg_try_advisory_lock(DUTIES_SPACE, bindparam("duty", type_=Integer)))
"""Likewise; the session that has it gets it again."""
TRY_SWEEPING = select(func.pg_try_advisory_xact_lock(SPACE, int(Lock.SWEEPING)))

# Payouts -------------------------------------------------------------------------------------------------------------

PAYOUT = sql.PAYOUT.with_for_update(key_share=True)
LOCK_PAYOUT = (
    select(_P.id).where(_P.shard == bindparam("of_shard"), _P.id == bindparam("of_id")).with_for_update(key_share=True)
)
HOLD_PAYOUT = select(_P.id).where(_P.shard == bindparam("of_shard"), _P.id == bindparam("of_id")).with_for_update()
"""Alone: not even a row that refers to it is put in meanwhile."""
HOLD_ARCHIVED = ARCHIVED.with_for_update(key_share=True)
_A = schema.attempts.c
_SPOKEN_OF = (
    select(_A.payout_id)
    .where(_A.shard == bindparam("of_shard"), _A.channel_reference == bindparam("of_channel_reference"))
    .scalar_subquery()
)
_spoken_of = select(schema.payouts).where(_P.shard == bindparam("of_shard"), _P.id == _SPOKEN_OF)
PAYOUT_SPOKEN_OF = _spoken_of.with_for_update(key_share=True)
"""Of a channel's notification, by the reference that the channel has of us."""
ATTEMPTS_SPOKEN_OF = (
    select(schema.attempts)
    .where(_A.shard == bindparam("of_shard"), _A.payout_id == _SPOKEN_OF.correlate(None))
    .order_by(_A.number)
)
_V = schema.evidence.c
NEWEST_EVIDENCE_SPOKEN_OF = select(func.max(_V.number)).where(
    _V.shard == bindparam("of_shard"), _V.payout_id == _SPOKEN_OF
)
NEW_REFERENCE = insert(schema.references).on_conflict_do_nothing().execution_options(**_COUNTED)

# Leases --------------------------------------------------------------------------------------------------------------

_FREE: ColumnElement[bool] = or_(_P.lease_until.is_(None), _P.lease_until <= bindparam("lease_now"))
_DUE = (
    select(_P.shard, _P.id, _P.channel, _P.due_at)
    .where(_P.due_at.is_not(None), _P.due_at <= bindparam("now"), _FREE)
    .order_by(_P.due_at)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True, key_share=True)
)
# Callbacks -----------------------------------------------------------------------------------------------------------

CALLBACKS = sql.HISTORY[schema.callbacks].with_for_update(key_share=True)
CLAIMING: dict[Any, Select[Any]] = {
    sql.DUE: _DUE,
    sql.DUE_IN_LANE: _DUE.where(
        _P.app == bindparam("of_app"), _P.channel.is_not_distinct_from(bindparam("of_channel"))
    ),
    sql.CALLBACKS_DUE: sql.CALLBACKS_DUE.with_for_update(skip_locked=True, key_share=True),
    sql.CALLBACKS_DUE_AT: sql.CALLBACKS_DUE_AT.with_for_update(skip_locked=True, key_share=True),
}
"""What stands in the place of which statement where something is claimed: a row that another node has in hand is passed
over, and not waited for."""

# Allowances ----------------------------------------------------------------------------------------------------------

_new_usage = insert(schema.usage)
ADD_USAGE = _new_usage.on_conflict_do_update(
    index_elements=[_U.channel, _U.currency, _U.period],
    set_={
        "amount_minor": _U.amount_minor + _new_usage.excluded.amount_minor,
        "payouts": _U.payouts + _new_usage.excluded.payouts,
    },
).returning(*_U)

_D = schema.deliveries.c
NEWEST_DELIVERIES = (
    select(_D.endpoint, func.max(_D.number).label("number"))
    .where(_D.shard == bindparam("of_shard"), _D.callback_id == bindparam("of_id"))
    .group_by(_D.endpoint)
)
EVENT = sql.EVENT.with_for_update(key_share=True)
ENDPOINT = sql.ENDPOINT.with_for_update(key_share=True)

# What was seen before ------------------------------------------------------------------------------------------------

_new_nonce = insert(schema.nonces)
USE_NONCE = _new_nonce.on_conflict_do_update(
    index_elements=[_N.scope, _N.key_id, _N.nonce],
    set_={"until": _new_nonce.excluded.until},
    where=_N.until < bindparam("now", type_=schema.Moment),
).execution_options(**_COUNTED)
"""Changes one row, or none for a replay."""
SWEPT_MAX = 1000
_key = tuple_(_N.scope, _N.key_id, _N.nonce)
SWEEP_NONCES = delete(schema.nonces).where(
    _key.in_(
        select(_N.scope, _N.key_id, _N.nonce)
        .where(_N.until < bindparam("now", type_=schema.Moment))
        .limit(SWEPT_MAX)
        .with_for_update(skip_locked=True)
    )
)
NEW_NOTIFICATION = insert(schema.notifications).on_conflict_do_nothing().execution_options(**_COUNTED)

# How far the store has come ------------------------------------------------------------------------------------------

EVENTS = "events/"
"""Begins the names of the rows of `meta` that count events."""
COUNTS = 64
"""As many are written to, so that nodes do not wait for each other."""
_new_count = insert(schema.meta)
COUNT_EVENTS = _new_count.on_conflict_do_update(
    index_elements=[_M.name],
    set_={"value": cast(cast(_M.value, BigInteger) + cast(_new_count.excluded.value, BigInteger), Text)},
).returning(_M.value)
COUNT_ENDPOINTS = _new_count.on_conflict_do_update(
    index_elements=[_M.name], set_={"value": cast(cast(_M.value, BigInteger) + 1, Text)}
)
"""Its row is then ours until COMMIT: who changes one waits for who changes another."""
EVENTS_COUNTED = select(func.coalesce(func.sum(cast(_M.value, BigInteger)), 0)).where(_M.name.startswith(EVENTS))
NEIGHBOURS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = CAST(:space AS oid) AND objid = CAST(:which AS oid)"
).bindparams(space=SPACE, which=int(Lock.ALIVE))
"""Sessions of other writers: asked in a writer's own transaction, so that it is not among them."""

quick.keep(globals())
