"""Tables, constraints, indexes. Every row of a payout carries `shard`, part of every key (docs/architecture.md).

What must hold for money is held by the database too, not only by code:

* `references`: an app's reference is unique for ever;
* `attempts_one_not_rejected`: at most one attempt of a payout that is not rejected (R2);
* `attempts_channel_reference`: an id is used once.

Columns named `*_sealed` are encrypted (`gateway.sealing`). Times are integers, microseconds since 1970 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as integer microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData()

UNFINISHED = "status NOT IN ('paid', 'failed', 'canceled', 'returned')"
OPEN_ATTEMPT = "state IN ('pending', 'sending', 'unknown')"
"""The conditions of indexes, to be repeated word for word by what is to go by them."""


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, in every dialect."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _of_payout(*more: Any) -> tuple[Any, ...]:
    """The two columns every row of a payout has, and their foreign key."""
    return (
        Column("shard", Integer, nullable=False),
        Column("payout_id", Text, nullable=False),
        *more,
        ForeignKeyConstraint(["shard", "payout_id"], ["payouts.shard", "payouts.id"]),
    )


meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

references = Table(
    "references",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("payout_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("final_status", Text),
    PrimaryKeyConstraint("shard", "app", "reference"),
)

payouts = Table(
    "payouts",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("beneficiary_sealed", LargeBinary, nullable=False),
    Column("purpose", Text),  # of old rows; now it is sealed
    Column("purpose_sealed", LargeBinary),
    Column("description_sealed", LargeBinary),
    Column("metadata_sealed", LargeBinary),
    Column("created_at", Moment, nullable=False),
    Column("give_up_at", Moment, nullable=False),
    Column("preference", Text),  # on what terms, as far as the app said
    Column("send_by", Moment),
    Column("on_expiry", Text),
    Column("quote", Text),  # `gateway.domain.quote.Quote.text`
    Column("send_at", Moment),
    Column("channels", Text),  # `gateway.domain.terms.ChannelChoice.text`
    Column("payer_sealed", LargeBinary),
    Column("batch_id", Text),
    Column("retry_of", Text),
    Column("retried_as", Text),
    Column("version", Integer, nullable=False),
    Column("last_event", Integer, nullable=False),
    Column("callback_sequence", Integer, nullable=False),
    Column("status", Text, nullable=False),  # a copy of the derived status, for lists
    Column("channel", Text),  # likewise: the channel of the current attempt
    Column("cancel_requested_at", Moment),
    Column("frozen", Boolean, nullable=False),
    Column("hold_code", Text),  # R12
    Column("hold_at", Moment),
    Column("patient_since", Moment),
    Column("resolved_paid", Boolean),  # R20
    Column("resolved_at", Moment),
    Column("closed_code", Text),
    Column("closed_channel_code", Text),
    Column("closed_at", Moment),
    Column("retry_at", Moment),
    Column("waiting_for", Text),
    Column("due_at", Moment),
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("fence", Integer, nullable=False),
    Column("crashes", Integer, nullable=False, server_default="0"),  # row 64
    Column("account_index", LargeBinary),  # blind: `gateway.blind_index`
    Column("erased_at", Moment),
    PrimaryKeyConstraint("shard", "id"),
    Index("payouts_due", "due_at", **_where("due_at IS NOT NULL")),
    Index("payouts_lanes", "app", "channel", "due_at", **_where("due_at IS NOT NULL")),
    Index("payouts_leased", "lease_until", **_where("lease_until IS NOT NULL")),
    Index("payouts_by_app", "app", "created_at", "id"),
    Index("payouts_of_batch", "app", "batch_id", "created_at", "id", **_where("batch_id IS NOT NULL")),
    Index("payouts_under_review", "hold_at", **_where("hold_code IS NOT NULL OR frozen")),
    Index("payouts_unfinished", "status", "created_at", **_where(UNFINISHED)),
    Index("payouts_by_account", "account_index", "created_at", **_where("account_index IS NOT NULL")),
)

attempts = Table(
    "attempts",
    metadata,
    *_of_payout(
        Column("number", Integer, nullable=False),
        Column("channel", Text, nullable=False),
        Column("ordinal", Integer, nullable=False),
        Column("channel_reference", Text, nullable=False),
        Column("uetr", Text, nullable=False),
        Column("state", Text, nullable=False),
        # Pinned ground (R16): what queries, repeats and proofs use, whatever the configuration says by then.
        Column("adapter", Text, nullable=False),
        Column("adapter_version", Text, nullable=False),
        Column("base_address", Text, nullable=False),
        Column("account_id", Text, nullable=False),
        Column("key_ids", Text, nullable=False),
        Column("duplicate_mode", Text, nullable=False),
        Column("absence", Text, nullable=False),
        Column("repeat_window_s", Integer, nullable=False),
        Column("request_sealed", LargeBinary, nullable=False),
        Column("opened_at", Moment, nullable=False),
        Column("transmissions", Integer, nullable=False),  # R13
        Column("first_sent_at", Moment),
        Column("last_sent_at", Moment),
        Column("channel_payout_id", Text),
        Column("reason", Text),
        Column("channel_code", Text),
        Column("action_sealed", LargeBinary),
        Column("returned_minor", BigInteger),
        Column("verdict_as_of", Moment),
        Column("settled_at", Moment),
        Column("asks", Integer, nullable=False),
        Column("due_at", Moment),
        Column("repeat_due", Boolean, nullable=False),
        Column("cancel_asked", Boolean, nullable=False),
        Column("was_unknown", Boolean, nullable=False),
    ),
    Column("decision", Text),  # why this channel: the router's decision, compactly
    PrimaryKeyConstraint("shard", "payout_id", "number"),
    Index("attempts_channel_reference", "shard", "channel_reference", unique=True),
    Index(
        "attempts_one_not_rejected",
        "shard",
        "payout_id",
        unique=True,
        **_where("state <> 'rejected'"),
    ),
    Index("attempts_open", "first_sent_at", **_where(OPEN_ATTEMPT)),
    Index("attempts_of_channel_payout", "channel", "channel_payout_id"),
    Index(
        "attempts_live",
        "channel",
        "adapter",
        "base_address",
        "account_id",
        "duplicate_mode",
        "key_ids",
        **_where("due_at IS NOT NULL"),
    ),
)

usage = Table(
    "usage",
    metadata,
    Column("channel", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("period", Text, nullable=False),  # `gateway.domain.allowance.window_at`
    Column("amount_minor", BigInteger, nullable=False),
    Column("payouts", BigInteger, nullable=False),
    PrimaryKeyConstraint("channel", "currency", "period"),
)

reservations = Table(
    "reservations",
    metadata,
    *_of_payout(
        Column("number", Integer, nullable=False),
        Column("channel", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("windows", Text, nullable=False),
        Column("released_at", Moment),
    ),
    PrimaryKeyConstraint("shard", "payout_id", "number"),
)

events = Table(
    "events",
    metadata,
    *_of_payout(
        Column("sequence", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("type", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("attempt", Integer),
        Column("detail", Text, nullable=False),
    ),
    PrimaryKeyConstraint("shard", "payout_id", "sequence"),
)

evidence = Table(
    "evidence",
    metadata,
    *_of_payout(
        Column("number", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("transmission_no", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("heard", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("judged", Boolean, nullable=False),
        Column("alarm", Boolean, nullable=False),
        Column("answer_sealed", LargeBinary, nullable=False),
    ),
    PrimaryKeyConstraint("shard", "payout_id", "number"),
)

incidents = Table(
    "incidents",
    metadata,
    *_of_payout(
        Column("number", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("kind", Text, nullable=False),
        Column("attempt", Integer),
        Column("detail", Text, nullable=False),
    ),
    PrimaryKeyConstraint("shard", "payout_id", "number"),
)

freezes = Table(
    "freezes",
    metadata,
    *_of_payout(
        Column("number", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("why", Text, nullable=False),
        Column("lifted_at", Moment),
    ),
    PrimaryKeyConstraint("shard", "payout_id", "number"),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("payout_id", Text),  # none: an event about an endpoint or a channel
    Column("id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("body_sealed", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment),
    Column("delivered_at", Moment),
    Column("parked_at", Moment),
    ForeignKeyConstraint(["shard", "payout_id"], ["payouts.shard", "payouts.id"]),
    PrimaryKeyConstraint("shard", "id", "endpoint"),
    Index("callbacks_due", "due_at", **_where("due_at IS NOT NULL")),
    Index("callbacks_lanes", "endpoint", "due_at", **_where("due_at IS NOT NULL")),
    Index("callbacks_parked", "parked_at", **_where("parked_at IS NOT NULL")),
    Index("callbacks_of_payout", "shard", "payout_id"),
    Index("callbacks_by_app", "app", "id"),
    Index("callbacks_in_time", "app", "created_at", "id"),
)

callback_endpoints = Table(  # those that apps made; the others stand in the configuration
    "callback_endpoints",
    metadata,
    Column("app", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("url_sealed", LargeBinary, nullable=False),
    Column("events", Text, nullable=False),  # types with a space between; '': all
    Column("keys_sealed", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("failing_since", Moment),
    Column("disabled_at", Moment),
    Column("disabled_for", Text),
    Column("sequence", Integer, nullable=False),
    PrimaryKeyConstraint("app", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("callback_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("status", Integer),
    Column("detail", Text, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    PrimaryKeyConstraint("shard", "callback_id", "endpoint", "number"),
    ForeignKeyConstraint(
        ["shard", "callback_id", "endpoint"], ["callbacks.shard", "callbacks.id", "callbacks.endpoint"]
    ),
)

retries = Table(
    "retries",
    metadata,
    *_of_payout(  # the failed payout
        Column("retried_as", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("beneficiary_sealed", LargeBinary, nullable=False),
        Column("send_by", Moment),
        Column("on_expiry", Text, nullable=False),
        Column("made_at", Moment, nullable=False),
        Column("ended_at", Moment),  # the new payout is there
    ),
    PrimaryKeyConstraint("shard", "payout_id"),
    Index("retries_open", "made_at", **_where("ended_at IS NULL")),
)

notifications = Table(
    "notifications",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("payout_id", Text, nullable=False),  # '' for an orphan
    Column("at", Moment, nullable=False),
    Column("raw_sealed", LargeBinary, nullable=False),
    Column("said", LargeBinary),  # a digest of what it says: another one under the same event id is a conflict
    PrimaryKeyConstraint("shard", "channel", "event_id", "payout_id"),
)

requests = Table(
    "requests",
    metadata,
    Column("shard", Integer, nullable=False),  # the payout's, or 0 for what is about none
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payout_id", Text),
    Column("reason", Text, nullable=False),
    Column("evidence_sealed", LargeBinary),
    Column("evidence_sha256", Text),
    Column("made_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("state_hash", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("approved_by", Text),
    Column("approved_at", Moment),
    Column("withdrawn_at", Moment),
    PrimaryKeyConstraint("shard", "id"),
    Index("requests_open", "made_at", **_where("approved_at IS NULL AND withdrawn_at IS NULL")),
)

batches = Table(
    "batches",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("ready_at", Moment),  # all of it is here; none: it is being taken in, or was left half way
    Column("pages_done", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("ended", Text, nullable=False),
    Column("completed_at", Moment),
    Column("due_at", Moment),
    PrimaryKeyConstraint("shard", "id"),
    Index("batches_due", "due_at", **_where("due_at IS NOT NULL")),
    Index("batches_unready", "created_at", **_where("ready_at IS NULL")),
    Index("batches_open", "app", **_where("completed_at IS NULL")),
)

batch_references = Table(
    "batch_references",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    PrimaryKeyConstraint("shard", "app", "reference"),
)

batch_pages = Table(
    "batch_pages",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("results", Text, nullable=False),
    Column("orders_sealed", LargeBinary),  # until they are payouts
    PrimaryKeyConstraint("shard", "batch_id", "number"),
    ForeignKeyConstraint(["shard", "batch_id"], ["batches.shard", "batches.id"]),
)

beneficiaries = Table(  # saved ones; a payout has its own copy
    "beneficiaries",
    metadata,
    Column("app", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("account_index", LargeBinary, nullable=False),  # blind
    Column("beneficiary_sealed", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("app", "id"),
    Index("beneficiaries_by_account", "app", "account_index"),
)

archived_payouts = Table(  # kept for ever of payouts that were moved out (`gateway.store.archiving`)
    "archived_payouts",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("payout_id", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("returned_minor", BigInteger),
    Column("beneficiary_kind", Text, nullable=False),
    Column("channel", Text),
    Column("batch_id", Text),
    Column("retry_of", Text),
    Column("retried_as", Text),
    Column("created_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("archived_at", Moment, nullable=False),
    Column("archive", Text, nullable=False),
    PrimaryKeyConstraint("shard", "payout_id"),
)

archived_attempts = Table(  # so that late evidence finds its payout
    "archived_attempts",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("channel_reference", Text, nullable=False),
    Column("payout_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("channel_payout_id", Text),
    PrimaryKeyConstraint("shard", "channel_reference"),
    ForeignKeyConstraint(["shard", "payout_id"], ["archived_payouts.shard", "archived_payouts.payout_id"]),
    Index("archived_attempts_channel_payout", "channel", "channel_payout_id"),
)

archived_incidents = Table(  # what was heard of them since
    "archived_incidents",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("payout_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempt", Integer),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("shard", "payout_id", "number"),
    ForeignKeyConstraint(["shard", "payout_id"], ["archived_payouts.shard", "archived_payouts.payout_id"]),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("app", Text, nullable=False),
    Column("mark", LargeBinary, nullable=False),  # stands for the call and the key
    Column("fingerprint", LargeBinary, nullable=False),
    Column("made", Text, nullable=False),
    Column("until", Moment, nullable=False),
    PrimaryKeyConstraint("app", "mark"),
    Index("idempotency_keys_until", "until"),
)

nonces = Table(
    "nonces",
    metadata,
    Column("scope", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("until", Moment, nullable=False),
    PrimaryKeyConstraint("scope", "key_id", "nonce"),
    Index("nonces_until", "until"),
)

principals = Table(
    "principals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("confirmed_at", Moment),
    Column("confirmed_by", Text),
    Column("revoked_at", Moment),
    Column("revoked_by", Text),
    Column("role", Text, nullable=False, server_default="admin"),
)

principal_tokens = Table(
    "principal_tokens",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("principal", Text),  # none for the first token, which is nobody's
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
    ForeignKeyConstraint(["principal"], ["principals.name"]),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("state", Text),
    Column("weight", Integer),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("lifted_by", Text),
    Column("lifted_at", Moment),
    Index("overrides_open", "created_at", **_where("lifted_at IS NULL")),
)

data_keys = Table(  # wrapped by a sealing key: `gateway.sealing`
    "data_keys",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # of this line and the hash before it: `gateway.domain.audit`
)
