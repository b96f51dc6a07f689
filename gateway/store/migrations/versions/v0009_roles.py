"""Each person has a role. Whoever was there before could do everything, and still can."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("principals", sa.Column("role", sa.Text(), nullable=False, server_default="admin"))


def downgrade() -> None:
    op.drop_column("principals", "role")
