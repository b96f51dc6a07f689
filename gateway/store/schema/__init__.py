"""Tables, constraints, indexes. Every row of a payout carries `shard`, part of every key (docs/architecture.md).

What must hold for money is held by the database too, not only by code:

* `references`: an app's reference is unique for ever;
* `attempts_one_not_rejected`: at most one attempt of a payout that is not rejected (R2);
* `attempts_channel_reference`: an id is used once.

Columns named `*_sealed` are encrypted (`gateway.sealing`). Times are integers, microseconds since 1970 in UTC.
"""

from __future__ import annotations

from gateway.store.schema.archived import archived_attempts, archived_incidents, archived_payouts
from gateway.store.schema.batches import batch_pages, batch_references, batches, beneficiaries
from gateway.store.schema.callbacks import callback_endpoints, callbacks, deliveries, retries
from gateway.store.schema.columns import EPOCH, OPEN_ATTEMPT, UNFINISHED, Moment, metadata
from gateway.store.schema.doors import (
    audit,
    data_keys,
    idempotency_keys,
    meta,
    nonces,
    overrides,
    principal_tokens,
    principals,
)
from gateway.store.schema.history import events, evidence, freezes, incidents, notifications, requests
from gateway.store.schema.payouts import attempts, payouts, references, reservations, usage

__all__ = [
    "EPOCH",
    "OPEN_ATTEMPT",
    "UNFINISHED",
    "Moment",
    "archived_attempts",
    "archived_incidents",
    "archived_payouts",
    "attempts",
    "audit",
    "batch_pages",
    "batch_references",
    "batches",
    "beneficiaries",
    "callback_endpoints",
    "callbacks",
    "data_keys",
    "deliveries",
    "events",
    "evidence",
    "freezes",
    "idempotency_keys",
    "incidents",
    "meta",
    "metadata",
    "nonces",
    "notifications",
    "overrides",
    "payouts",
    "principal_tokens",
    "principals",
    "references",
    "requests",
    "reservations",
    "retries",
    "usage",
]
