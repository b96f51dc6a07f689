"""An attempt is found by its channel's own id: that question knows no shard, so the index does not begin with one."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("attempts_of_channel_payout", "attempts", ["channel", "channel_payout_id"])
    op.drop_index("attempts_channel_payout", table_name="attempts")


def downgrade() -> None:
    op.create_index("attempts_channel_payout", "attempts", ["shard", "channel", "channel_payout_id"])
    op.drop_index("attempts_of_channel_payout", table_name="attempts")
