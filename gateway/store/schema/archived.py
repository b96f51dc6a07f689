"""What is kept for ever of payouts that were moved out (`gateway.store.archiving`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import Moment, metadata

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
    PrimaryKeyConstraint("payout_id", "shard"),
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
    PrimaryKeyConstraint("payout_id", "shard", "number"),
    ForeignKeyConstraint(["shard", "payout_id"], ["archived_payouts.shard", "archived_payouts.payout_id"]),
)
