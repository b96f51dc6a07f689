"""What belongs to no payout: the store itself, who may come in, what they changed."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.schema.columns import Moment, metadata, where

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
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
    Index("overrides_open", "created_at", **where("lifted_at IS NULL")),
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
