"""An index by which an app's events are listed, and one of them is found."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("callbacks_by_app", "callbacks", ["app", "id"])


def downgrade() -> None:
    op.drop_index("callbacks_by_app", "callbacks")
