"""Many orders at once, and beneficiaries that are saved for later orders."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import Moment, metadata, where

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
    PrimaryKeyConstraint("id", "shard"),
    Index("batches_due", "due_at", **where("due_at IS NOT NULL")),
    Index("batches_unready", "created_at", **where("ready_at IS NULL")),
    Index("batches_open", "app", **where("completed_at IS NULL")),
)

batch_references = Table(
    "batch_references",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("app", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    PrimaryKeyConstraint("app", "reference", "shard"),
)

batch_pages = Table(
    "batch_pages",
    metadata,
    Column("shard", Integer, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("results", Text, nullable=False),
    Column("orders_sealed", LargeBinary),  # until they are payouts
    PrimaryKeyConstraint("batch_id", "shard", "number"),
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
