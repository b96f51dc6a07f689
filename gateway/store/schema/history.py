"""What happened to a payout, and what people have to do with it: the journal, what was heard, incidents, requests."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import Moment, metadata, of_payout, where

events = Table(
    "events",
    metadata,
    *of_payout(
        Column("sequence", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("type", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("attempt", Integer),
        Column("detail", Text, nullable=False),
    ),
    PrimaryKeyConstraint("payout_id", "shard", "sequence"),
)

evidence = Table(
    "evidence",
    metadata,
    *of_payout(
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
    PrimaryKeyConstraint("payout_id", "shard", "number"),
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
    PrimaryKeyConstraint("payout_id", "channel", "event_id", "shard"),
)

incidents = Table(
    "incidents",
    metadata,
    *of_payout(
        Column("number", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("kind", Text, nullable=False),
        Column("attempt", Integer),
        Column("detail", Text, nullable=False),
    ),
    PrimaryKeyConstraint("payout_id", "shard", "number"),
)

freezes = Table(
    "freezes",
    metadata,
    *of_payout(
        Column("number", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        Column("why", Text, nullable=False),
        Column("lifted_at", Moment),
    ),
    PrimaryKeyConstraint("payout_id", "shard", "number"),
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
    PrimaryKeyConstraint("id", "shard"),
    Index("requests_of_payout", "payout_id", "shard"),
    Index("requests_open", "made_at", **where("approved_at IS NULL AND withdrawn_at IS NULL")),
)
