"""The tree of errors that operations raise. Each border translates them once (`gateway/api/problems.py`)."""

from __future__ import annotations


class PaymuxError(Exception):
    """Everything below."""


class NotFound(PaymuxError):
    """There is no such payout for this app (a foreign one is not there either)."""


class ReferenceReused(PaymuxError):
    """The reference belongs to a payout with other content. Nothing was changed."""

    def __init__(self, payout_id: str) -> None:
        super().__init__(f"the reference belongs to {payout_id}, which has other content")
        self.payout_id = payout_id


class IdempotencyKeyReused(PaymuxError):
    """The key came with other content within the time it is kept for. Nothing was changed."""


class AlreadyFinal(PaymuxError):
    """The payout has ended; it cannot be canceled."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the payout is {status}")
        self.status = status


class NotRetryable(PaymuxError):
    """The payout may not be ordered again. `code` is stable (`gateway.domain.retry.Refusal`), `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class EndpointRefused(PaymuxError):
    """That cannot be done with the callback endpoint. `code` is stable, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TransitionRefused(PaymuxError):
    """The sandbox's channel cannot do that with the payout now; in words, for who asked."""


class RequestRefused(PaymuxError):
    """What a person asked for, or approved, cannot be done as things stand. `code` is stable, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class StoreError(PaymuxError):
    """The store could not do what it was asked."""


class StaleWrite(StoreError):
    """Somebody else changed the payout, or took its lease, since it was read. Read again and decide again."""


class CommitUnknown(StoreError):
    """COMMIT failed and may have happened all the same. Settled by repeating the same versioned write (R18)."""


class StoreUnavailable(StoreError):
    """Nothing was written: disk full, database gone, or the gateway is stopping."""
