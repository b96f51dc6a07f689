"""The form in which every sandbox shows its books, so that a demo can compare them with the gateway's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class BookEntry:
    """What one order really came to. `paid_times` above 1 is a double payment."""

    channel_reference: str
    channel_payout_id: str
    amount: int
    """Minor units."""
    currency: str
    account: str = field(repr=False)
    state: str
    """The channel's own word for it."""
    paid_times: int
    returned: int = 0
    """Minor units that came back."""

    def as_json(self) -> dict[str, object]:
        return asdict(self)
