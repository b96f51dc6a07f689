"""The demo's reckoning: the gateway's word against the books of those who moved the money. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PAID_MIN, FAILOVERS_MIN, RESOLVED_MIN, CHANNELS_MIN = 85, 5, 5, 3
FINAL = frozenset({"paid", "failed", "canceled", "returned"})

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One channel, by its own books and by the gateway's."""

    paid: int
    paid_minor: int
    returned: int
    gateway_paid: int
    gateway_paid_minor: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo ends with."""

    payouts: int
    paid: int
    failed: int
    returned: int
    failovers: int
    unknown_resolved: int
    breaker_opened: int
    paid_twice: int
    lost: int
    callbacks_verified: int
    channels: Mapping[str, ChannelReport]
    books_agree: bool
    faults: tuple[str, ...] = field(default=())
    """Every disagreement, in words."""

    def as_json(self) -> dict[str, object]:
        told: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        told["channels"] = {
            name: {slot: getattr(report, slot) for slot in report.__slots__} for name, report in self.channels.items()
        }
        return told

    def shortfalls(self) -> tuple[str, ...]:
        """What keeps the demo from ending well; empty when all is as promised."""
        carried = sum(1 for report in self.channels.values() if report.paid)
        checks = (
            (self.books_agree, "the books do not agree"),
            (self.paid_twice == 0, f"{self.paid_twice} paid twice"),
            (self.lost == 0, f"{self.lost} lost or unfinished"),
            (self.paid >= PAID_MIN, f"paid {self.paid}, expected {PAID_MIN} or more"),
            (self.failovers >= FAILOVERS_MIN, f"failovers {self.failovers}, expected {FAILOVERS_MIN} or more"),
            (
                self.unknown_resolved >= RESOLVED_MIN,
                f"unknown resolved {self.unknown_resolved}, expected {RESOLVED_MIN} or more",
            ),
            (carried >= CHANNELS_MIN, f"{carried} channels carried payouts, expected {CHANNELS_MIN}"),
        )
        return tuple(words for holds, words in checks if not holds)


@dataclass(frozen=True, slots=True)
class Booked:
    """One entry of a channel's own books."""

    channel: str
    reference: str
    amount: int
    paid_times: int
    returned: int


def booked(channel: str, rows: Iterable[Json]) -> list[Booked]:
    """A channel's books as its sandbox shows them."""
    return [
        Booked(channel, row["channel_reference"], row["amount"], row["paid_times"], row["returned"]) for row in rows
    ]


def reckon(
    submitted: Sequence[str],
    payouts: Sequence[Json],
    books: Sequence[Booked],
    channels: Sequence[str],
    breaker_opened: int,
    callbacks_verified: int,
) -> Report:
    """Compare what was submitted, what the gateway says, and what the channels' books say."""
    by_id = {payout["id"]: payout for payout in payouts}
    owners = {attempt["channel_reference"]: payout for payout in payouts for attempt in payout["attempts"]}
    times = Counter[str]()
    for entry in books:
        owner = owners.get(entry.reference)
        times[owner["id"] if owner else f"nobody:{entry.reference}"] += entry.paid_times
    faults = [*_unowned(books, owners), *_disagreements(payouts, books, times)]
    status = Counter(payout["status"] for payout in payouts)
    attempts = [attempt for payout in payouts for attempt in payout["attempts"]]
    settled = ("succeeded", "rejected", "returned")
    return Report(
        payouts=len(submitted),
        paid=status["paid"],
        failed=status["failed"] + status["canceled"],
        returned=status["returned"],
        failovers=sum(max(len(payout["attempts"]) - 1, 0) for payout in payouts),
        unknown_resolved=sum(attempt["was_unknown"] and attempt["state"] in settled for attempt in attempts),
        breaker_opened=breaker_opened,
        paid_twice=sum(count > 1 for count in times.values()),
        lost=sum(by_id.get(one, {}).get("status") not in FINAL for one in submitted),
        callbacks_verified=callbacks_verified,
        channels={name: _channel(name, payouts, books) for name in channels},
        books_agree=not faults,
        faults=tuple(faults),
    )


def _unowned(books: Sequence[Booked], owners: Mapping[str, Json]) -> list[str]:
    paid = [entry for entry in books if entry.paid_times]
    return [
        f"{e.channel} paid {e.reference}, which the gateway does not know" for e in paid if e.reference not in owners
    ]


def _disagreements(payouts: Sequence[Json], books: Sequence[Booked], times: Counter[str]) -> list[str]:
    entries = {(entry.channel, entry.reference): entry for entry in books}
    faults = []
    for payout in payouts:
        expected = 1 if payout["status"] in ("paid", "returned") else 0
        if times[payout["id"]] != expected:
            faults.append(f"{payout['id']} is {payout['status']}, the books paid it {times[payout['id']]} times")
            continue
        if expected:
            faults += _differs(payout, entries)
    return faults


def _differs(payout: Json, entries: Mapping[tuple[str, str], Booked]) -> list[str]:
    paying = next(a for a in payout["attempts"] if a["state"] in ("succeeded", "returned"))
    entry = entries.get((paying["channel"], paying["channel_reference"]))
    amount = payout["amount"]["value"]
    back = amount if payout["status"] == "returned" else 0
    if entry is None or (entry.amount, entry.returned) != (amount, back):
        return [f"{payout['id']}: {payout['status']} {amount}, but {paying['channel']} has {entry}"]
    return []


def _channel(name: str, payouts: Sequence[Json], books: Sequence[Booked]) -> ChannelReport:
    own = [entry for entry in books if entry.channel == name and entry.paid_times]
    states = ("succeeded", "returned")
    ours = [p for p in payouts if any(a["channel"] == name and a["state"] in states for a in p["attempts"])]
    return ChannelReport(
        paid=sum(entry.paid_times for entry in own),
        paid_minor=sum(entry.amount * entry.paid_times for entry in own),
        returned=sum(1 for entry in own if entry.returned),
        gateway_paid=len(ours),
        gateway_paid_minor=sum(payout["amount"]["value"] for payout in ours),
    )
