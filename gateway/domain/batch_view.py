"""What an app may see of a batch."""

from __future__ import annotations

from gateway.domain.batch import Batch
from gateway.domain.view import Json, timestamp


def batch_view(batch: Batch) -> Json:
    """The batch object of docs/batches.md."""
    counts = {
        "total": batch.items,
        "waiting": batch.items - batch.accepted - batch.failed,
        "accepted": batch.accepted,
        "failed": batch.failed,
    }
    return {
        "object": "batch",
        "id": batch.id,
        "reference": batch.reference,
        "form": str(batch.form),
        "status": str(batch.status),
        "items": counts,
        "ended": dict(sorted(batch.ended.items())),
        "created_at": timestamp(batch.created_at),
        "completed_at": timestamp(batch.completed_at) if batch.completed_at else None,
    }
