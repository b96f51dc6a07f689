"""Alembic migrations, in the wheel so that `serve` can bring an old database up to date by itself."""
