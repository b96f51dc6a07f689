"""The statements of every payout's way, built once, compiled once, and run on the driver itself (`quick`).

Building one anew for each use costs eight times what running it does. What is asked rarely is built where it is asked.

Names that begin with `of_` say which row; an update sets the columns that are named in its parameters beside them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from gateway.store import quick, schema

_P, _A, _C, _D = schema.payouts.c, schema.attempts.c, schema.callbacks.c, schema.deliveries.c
_R, _N, _E = schema.references.c, schema.notifications.c, schema.nonces.c


def _of(table: Table, *names: str) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(f"of_{name}") for name in names]


def _free() -> ColumnElement[bool]:
    return or_(_P.lease_until.is_(None), _P.lease_until <= bindparam("now"))


INSERT = {table: insert(table) for table in schema.metadata.sorted_tables}

# Payouts -------------------------------------------------------------------------------------------------------------

PAYOUT = select(schema.payouts).where(*_of(schema.payouts, "shard", "id"))
ATTEMPTS = select(schema.attempts).where(*_of(schema.attempts, "shard", "payout_id")).order_by(_A.number)
REFERENCE = select(_R.payout_id, _R.fingerprint).where(*_of(schema.references, "shard", "app", "reference"))
ATTEMPT_OF_REFERENCE = select(_A.payout_id, _A.number).where(*_of(schema.attempts, "shard", "channel_reference"))

SAVE = update(schema.payouts).where(*_of(schema.payouts, "shard", "id", "version"))
SAVE_LEASED = SAVE.where(*_of(schema.payouts, "fence"))
SAVE_ATTEMPT = update(schema.attempts).where(*_of(schema.attempts, "shard", "payout_id", "number"))
NOTE_FINAL = update(schema.references).where(*_of(schema.references, "shard", "app", "reference"))

# Leases --------------------------------------------------------------------------------------------------------------

_DIED = case((_P.lease_owner.is_not(None), 1), else_=0)
"""The last owner never let go of it: it crashed, or was away for longer than its lease."""

DUE = (
    select(_P.shard, _P.id, _P.channel, _P.due_at)
    .where(_P.due_at.is_not(None), _P.due_at <= bindparam("now"), _free())
    .order_by(_P.due_at)
    .limit(bindparam("at_most"))
)
DUE_IN_LANE = DUE.where(_P.app == bindparam("of_app"), _P.channel.is_not_distinct_from(bindparam("of_channel")))
NEXT_DUE_APP = (
    select(_P.app).where(_P.due_at.is_not(None), _P.app > bindparam("after")).order_by(_P.app).limit(bindparam("one"))
)
NEXT_DUE_CHANNEL = (
    select(_P.channel)
    .where(_P.due_at.is_not(None), _P.app == bindparam("of_app"), _P.channel > bindparam("after"))
    .order_by(_P.channel)
    .limit(bindparam("one"))
)
_UNSENT_OF_APP: Select[Any] = (
    select(literal_column("1"))
    .where(_P.due_at.is_not(None), _P.app == bindparam("of_app"), _P.channel.is_(None))
    .limit(bindparam("at_most"))
)
COUNT_UNSENT_OF_APP = select(func.count().label("payouts")).select_from(_UNSENT_OF_APP.subquery())
CLAIM = (
    update(schema.payouts)
    .where(*_of(schema.payouts, "shard", "id"), _free())
    .values(
        lease_owner=bindparam("new_owner"),
        lease_until=bindparam("new_until"),
        fence=_P.fence + 1,
        crashes=_P.crashes + _DIED,
    )
    .returning(*_P)
)
CHANGE_LEASE = update(schema.payouts).where(*_of(schema.payouts, "shard", "id", "fence"))
_UNHELD = select(_P.due_at).where(_P.due_at.is_not(None), _P.lease_until.is_(None))
NEXT_DUE = _UNHELD.order_by(_P.due_at).limit(bindparam("one"))

# History -------------------------------------------------------------------------------------------------------------

HISTORY = {
    table: select(table).where(*_of(table, "shard", "payout_id")).order_by(table.c[order])
    for table, order in (
        (schema.events, "sequence"),
        (schema.evidence, "number"),
        (schema.incidents, "number"),
        (schema.freezes, "number"),
        (schema.callbacks, "sequence"),
    )
}
EVENTS_AFTER = (
    select(schema.events)
    .where(*_of(schema.events, "shard", "payout_id"), schema.events.c.sequence > bindparam("after"))
    .order_by(schema.events.c.sequence)
)
NEWEST = {
    table: select(func.max(table.c.number)).where(*_of(table, "shard", "payout_id"))
    for table in (schema.evidence, schema.incidents, schema.freezes)
}

# Allowances ----------------------------------------------------------------------------------------------------------

_U = schema.usage.c
USAGE_OF_CHANNEL = select(schema.usage).where(*_of(schema.usage, "channel"))
ADD_USAGE = (
    update(schema.usage)
    .where(*_of(schema.usage, "channel", "currency", "period"))
    .values(amount_minor=_U.amount_minor + bindparam("more_minor"), payouts=_U.payouts + bindparam("more"))
    .returning(*_U)
)
RELEASE_RESERVATION = (
    update(schema.reservations)
    .where(*_of(schema.reservations, "shard", "payout_id", "number"), schema.reservations.c.released_at.is_(None))
    .values(released_at=bindparam("now"))
    .returning(*schema.reservations.c)
)

# Callbacks -----------------------------------------------------------------------------------------------------------

CALLBACKS_DUE = (
    select(schema.callbacks)
    .where(_C.due_at.is_not(None), _C.due_at <= bindparam("now"))
    .order_by(_C.due_at, _C.sequence)
    .limit(bindparam("at_most"))
)
CALLBACKS_DUE_AT = CALLBACKS_DUE.where(_C.endpoint == bindparam("of_endpoint"))
NEXT_DUE_ENDPOINT = (
    select(_C.endpoint)
    .where(_C.due_at.is_not(None), _C.endpoint > bindparam("after"))
    .order_by(_C.endpoint)
    .limit(bindparam("one"))
)
NEXT_CALLBACK_DUE = select(_C.due_at).where(_C.due_at.is_not(None)).order_by(_C.due_at).limit(bindparam("one"))
CHANGE_CALLBACK = update(schema.callbacks).where(*_of(schema.callbacks, "shard", "id", "endpoint"))
EVENT = select(schema.callbacks).where(*_of(schema.callbacks, "shard", "id")).order_by(_C.endpoint)
ENDPOINT = select(schema.callback_endpoints).where(*_of(schema.callback_endpoints, "app", "id"))
NEWEST_DELIVERY = select(func.max(_D.number)).where(*_of(schema.deliveries, "shard", "callback_id", "endpoint"))

# What was seen before ------------------------------------------------------------------------------------------------

NONCE = select(_E.nonce).where(*_of(schema.nonces, "scope", "key_id", "nonce"))
SAID = select(_N.said).where(*_of(schema.notifications, "shard", "channel", "event_id", "payout_id"))
FORGET_MAX = 100
"""Nonces that are forgotten with each new one: more than come in, and never so many that whoever comes after a quiet
night waits for all of them."""
_NONCE_KEY = tuple_(_E.scope, _E.key_id, _E.nonce)
FORGET_NONCES = delete(schema.nonces).where(
    _NONCE_KEY.in_(select(_E.scope, _E.key_id, _E.nonce).where(_E.until < bindparam("now")).limit(FORGET_MAX))
)
META = select(schema.meta.c.value).where(*_of(schema.meta, "name"))

quick.keep(globals())
