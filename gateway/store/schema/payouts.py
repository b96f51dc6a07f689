"""Payouts: references, payouts, attempts, and what is reserved for them at a channel."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import OPEN_ATTEMPT, UNFINISHED, Moment, metadata, of_payout, where

references = Table(
    "references",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("payout_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("final_status", Text),
    PrimaryKeyConstraint("app", "reference", "shard"),
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
    PrimaryKeyConstraint("id", "shard"),
    Index("payouts_due", "due_at", **where("due_at IS NOT NULL")),
    Index("payouts_lanes", "app", "channel", "due_at", **where("due_at IS NOT NULL")),
    Index("payouts_leased", "lease_until", **where("lease_until IS NOT NULL")),
    Index("payouts_by_app", "app", "created_at", "id"),
    Index("payouts_of_batch", "app", "batch_id", "created_at", "id", **where("batch_id IS NOT NULL")),
    Index("payouts_under_review", "hold_at", **where("hold_code IS NOT NULL OR frozen")),
    Index("payouts_unfinished", "status", "created_at", **where(UNFINISHED)),
    Index("payouts_by_account", "account_index", "created_at", **where("account_index IS NOT NULL")),
)

attempts = Table(
    "attempts",
    metadata,
    *of_payout(
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
    PrimaryKeyConstraint("payout_id", "shard", "number"),
    Index("attempts_channel_reference", "shard", "channel_reference", unique=True),
    Index(
        "attempts_one_not_rejected",
        "payout_id",
        "shard",
        unique=True,
        **where("state <> 'rejected'"),
    ),
    Index("attempts_open", "first_sent_at", **where(OPEN_ATTEMPT)),
    Index("attempts_of_channel_payout", "channel", "channel_payout_id"),
    Index(
        "attempts_live",
        "channel",
        "adapter",
        "base_address",
        "account_id",
        "duplicate_mode",
        "key_ids",
        **where("due_at IS NOT NULL"),
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
    *of_payout(
        Column("number", Integer, nullable=False),
        Column("channel", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("windows", Text, nullable=False),
        Column("released_at", Moment),
    ),
    PrimaryKeyConstraint("payout_id", "shard", "number"),
)
