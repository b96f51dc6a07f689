"""Callbacks: who is told, what, and every try of it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import Moment, metadata, of_payout, where

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
    PrimaryKeyConstraint("id", "shard", "endpoint"),
    Index("callbacks_due", "due_at", **where("due_at IS NOT NULL")),
    Index("callbacks_lanes", "endpoint", "due_at", **where("due_at IS NOT NULL")),
    Index("callbacks_parked", "parked_at", **where("parked_at IS NOT NULL")),
    Index("callbacks_of_payout", "payout_id", "shard"),
    Index("callbacks_by_app", "app", "id"),
    Index("callbacks_in_time", "app", "created_at", "id"),
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
    PrimaryKeyConstraint("callback_id", "shard", "endpoint", "number"),
    ForeignKeyConstraint(
        ["shard", "callback_id", "endpoint"], ["callbacks.shard", "callbacks.id", "callbacks.endpoint"]
    ),
)

retries = Table(
    "retries",
    metadata,
    *of_payout(  # the failed payout
        Column("retried_as", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("beneficiary_sealed", LargeBinary, nullable=False),
        Column("send_by", Moment),
        Column("on_expiry", Text, nullable=False),
        Column("made_at", Moment, nullable=False),
        Column("ended_at", Moment),  # the new payout is there
    ),
    PrimaryKeyConstraint("payout_id", "shard"),
    Index("retries_open", "made_at", **where("ended_at IS NULL")),
)
