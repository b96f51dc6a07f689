"""The truth about the money: what each bank really paid and got back, whatever it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from adapters.sandbox.books import BookEntry
from gateway.simulation.trace import Trace


class Listener(Protocol):
    """Who hears of every change; the auditor."""

    def bank_moved(self, channel: str, entry: BookEntry, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Moved:
    """Money that moved, as a bank's own book has it."""

    channel_reference: str
    channel_payout_id: str
    amount_minor: int
    currency: str
    account: str
    state: str


class Ledger:
    """One line per channel and `channel_reference`, which nothing ever takes back."""

    def __init__(
        self, listener: Listener, trace: Trace, now: Callable[[], datetime], about: Callable[[str], str | None]
    ) -> None:
        self._listener = listener
        self._trace = trace
        self._now = now
        self.about = about
        self.lines: dict[tuple[str, str], BookEntry] = {}

    def paid(self, channel: str, moved: Moved) -> None:
        """The beneficiary has the money."""
        line = self._line(channel, moved)
        self._write(channel, replace(line, state=moved.state, paid_times=line.paid_times + 1), "paid")

    def returned(self, channel: str, moved: Moved) -> None:
        """The money came back."""
        line = self._line(channel, moved)
        self._write(channel, replace(line, state=moved.state, returned=line.returned + moved.amount_minor), "returned")

    def _line(self, channel: str, moved: Moved) -> BookEntry:
        found = self.lines.get((channel, moved.channel_reference))
        return found or BookEntry(
            moved.channel_reference,
            moved.channel_payout_id,
            moved.amount_minor,
            moved.currency,
            moved.account,
            moved.state,
            0,
        )

    def _write(self, channel: str, line: BookEntry, what: str) -> None:
        self.lines[channel, line.channel_reference] = line
        times = f", {line.paid_times} times now" if line.paid_times > 1 else ""
        text = f"{what} {line.amount} {line.currency} ({line.channel_reference}){times}"
        self._trace.add(channel, text, self.about(line.channel_reference))
        self._listener.bank_moved(channel, line, self._now())
