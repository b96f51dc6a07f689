"""The first schema: shard in every key, pinned ground, transmissions, freezes, sealed columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "nonces",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key_id", "nonce"),
    )
    op.create_index("nonces_until", "nonces", ["until"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("raw_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "channel", "event_id", "payout_id"),
    )
    op.create_table(
        "payouts",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("beneficiary_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("description_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("metadata_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.Column("callback_sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("closed_code", sa.Text(), nullable=True),
        sa.Column("closed_channel_code", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "id"),
    )
    op.create_index("payouts_by_app", "payouts", ["app", "created_at", "id"], unique=False)
    op.create_index(
        "payouts_due",
        "payouts",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "references",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("final_status", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "app", "reference"),
    )
    op.create_table(
        "attempts",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("channel_reference", sa.Text(), nullable=False),
        sa.Column("uetr", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("adapter_version", sa.Text(), nullable=False),
        sa.Column("base_address", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key_ids", sa.Text(), nullable=False),
        sa.Column("duplicate_mode", sa.Text(), nullable=False),
        sa.Column("absence", sa.Text(), nullable=False),
        sa.Column("repeat_window_s", sa.Integer(), nullable=False),
        sa.Column("request_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("transmissions", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("channel_payout_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("channel_code", sa.Text(), nullable=True),
        sa.Column("action_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("returned_minor", sa.BigInteger(), nullable=True),
        sa.Column("verdict_as_of", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("repeat_due", sa.Boolean(), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("was_unknown", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "payout_id", "number"),
    )
    op.create_index("attempts_channel_payout", "attempts", ["shard", "channel", "channel_payout_id"], unique=False)
    op.create_index("attempts_channel_reference", "attempts", ["shard", "channel_reference"], unique=True)
    op.create_index(
        "attempts_live",
        "attempts",
        ["channel", "state"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "attempts_one_not_rejected",
        "attempts",
        ["shard", "payout_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'rejected'"),
        postgresql_where=sa.text("state <> 'rejected'"),
    )
    op.create_table(
        "callbacks",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "id", "endpoint"),
    )
    op.create_index(
        "callbacks_due",
        "callbacks",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("callbacks_of_payout", "callbacks", ["shard", "payout_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "payout_id", "sequence"),
    )
    op.create_table(
        "evidence",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("transmission_no", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("heard", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "payout_id", "number"),
    )
    op.create_table(
        "freezes",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "payout_id", "number"),
    )
    op.create_table(
        "incidents",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("payout_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard", "payout_id"],
            ["payouts.shard", "payouts.id"],
        ),
        sa.PrimaryKeyConstraint("shard", "payout_id", "number"),
    )
    op.create_table(
        "deliveries",
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("callback_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard", "callback_id", "endpoint"],
            ["callbacks.shard", "callbacks.id", "callbacks.endpoint"],
        ),
        sa.PrimaryKeyConstraint("shard", "callback_id", "endpoint", "number"),
    )


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("incidents")
    op.drop_table("freezes")
    op.drop_table("evidence")
    op.drop_table("events")
    op.drop_index("callbacks_of_payout", table_name="callbacks")
    op.drop_index("callbacks_due", table_name="callbacks", sqlite_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("callbacks")
    op.drop_index("attempts_one_not_rejected", table_name="attempts", sqlite_where=sa.text("state <> 'rejected'"))
    op.drop_index("attempts_live", table_name="attempts", sqlite_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("attempts_channel_reference", table_name="attempts")
    op.drop_index("attempts_channel_payout", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("references")
    op.drop_index("payouts_due", table_name="payouts", sqlite_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("payouts_by_app", table_name="payouts")
    op.drop_table("payouts")
    op.drop_table("notifications")
    op.drop_index("nonces_until", table_name="nonces")
    op.drop_table("nonces")
    op.drop_table("meta")
