"""The records of all channels by class, as one node keeps them: mutable, and only ever touched by one event loop.

A class is an amount band and a kind of beneficiary. It leans on what its channel does in the other classes
(`HealthTuning.shrink_count`), so that a thin class is believed no more than it deserves.

Several nodes may tell each other their own records (`records`, `hear`): each keeps its own apart from what the others
told last, and routes by all of them merged, so nothing is ever counted twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

from gateway.domain.beneficiary import BeneficiaryKind
from routing.feedback import NOTHING, Evidence
from routing.health import DEFAULT, Health, HealthTuning, merge

Record = tuple[str, str, Health]
"""A channel, a class, and what was seen of it."""

BANDS_MINOR = (10_000, 1_000_000)
"""Where a new amount band begins."""


_CLASSES = {kind: tuple(f"{kind}/{band}" for band in range(len(BANDS_MINOR) + 1)) for kind in BeneficiaryKind}


def health_class(amount_minor: int, kind: BeneficiaryKind) -> str:
    """The class of a payout: `bank_account/1` is a bank account and the second amount band."""
    return _CLASSES[kind][bisect_right(BANDS_MINOR, amount_minor)]


class _Entry:
    """One channel in one class. `chosen_at` is the class's order number when it was last chosen."""

    __slots__ = ("chosen_at", "elsewhere", "health", "others_changed", "own", "together")

    def __init__(self, health: Health, chosen_at: int) -> None:
        self.own = health
        """What this node saw."""
        self.elsewhere: dict[str, Health] = {}
        """What each other node last told."""
        self.together: Health | None = None
        """All of that in one."""
        self.health = health
        """All of it: what is routed by."""
        self.chosen_at = chosen_at
        self.others_changed = True

    def join(self) -> None:
        """Add up what all nodes saw."""
        self.health = self.own if self.together is None else merge(self.own, self.together)
        self.others_changed = True

    def hear(self, elsewhere: dict[str, Health]) -> None:
        """What the other nodes know, instead of what they told before."""
        self.elsewhere = elsewhere
        self.together = reduce(merge, elsewhere.values()) if elsewhere else None
        self.join()


class HealthBook:
    """What is known of each channel in each class.

    The shell calls `chose` when an attempt is sent, and `observe` with the difference of two `feedback.worth`; the
    router reads `posterior` and `probe_share`.
    """

    def __init__(self, tuning: HealthTuning = DEFAULT) -> None:
        self.tuning = tuning
        self._classes: dict[str, dict[str, _Entry]] = {}
        self._orders: dict[str, int] = {}
        self._fresh = Health.fresh(tuning)

    def chose(self, channel: str, cls: str) -> float:
        """An order of this class was given to the channel; for the others one more passed by.

        Returns: the `Health.probe_share` it was chosen under, for `observe` when its outcome is known.
        """
        orders = self._orders[cls] = self._orders.get(cls, 0) + 1
        entry = self._entry(channel, cls)
        probe = entry.health.probe_share(orders - entry.chosen_at)
        entry.chosen_at = orders
        return probe

    def observe(
        self, channel: str, cls: str, event: Evidence, at_s: float, probe: float = 0.0, sent_s: float | None = None
    ) -> None:
        """Fold evidence in; `probe` is what `chose` returned for this attempt, `sent_s` when it was sent."""
        if event == NOTHING:
            return
        entry = self._entry(channel, cls)
        if entry.elsewhere:
            entry.own = entry.own.after(event, at_s, probe)
            entry.join()
        else:
            entry.own = entry.health = entry.health.after(event, at_s, probe, sent_s)
        self._tell_the_others(channel, entry)

    def look(self, channel: str, cls: str) -> tuple[Health, float]:
        """The record of the class, leaning on the channel's other classes, and its `Health.probe_share`.

        The leaning is worked out anew only when one of the others changed.
        """
        row = self._classes.get(cls)
        entry = row.get(channel) if row is not None else None
        if entry is None:
            entry = self._entry(channel, cls)
        if entry.others_changed:
            entry.others_changed = False
            entry.health = self._leaning(channel, entry)
        health = entry.health
        if not health.demoted:
            return health, 0.0
        return health, health.probe_share(self._orders.get(cls, 0) - entry.chosen_at)

    def posterior(self, channel: str, cls: str) -> Health:
        """The record alone."""
        return self.look(channel, cls)[0]

    def probe_share(self, channel: str, cls: str) -> float:
        """The share alone; orders are those of the class."""
        return self.look(channel, cls)[1]

    def records(self) -> Iterator[Record]:
        """What this node itself saw, by channel and class: for a snapshot (`restore`) and for other nodes (`hear`)."""
        for cls, row in self._classes.items():
            for channel, entry in row.items():
                if entry.own.is_seasoned:
                    yield channel, cls, entry.own

    def restore(self, channel: str, cls: str, health: Health) -> None:
        """Take this node's own record in again, after a restart."""
        entry = self._entry(channel, cls)
        entry.own = merge(entry.own, health)
        entry.join()
        self._tell_the_others(channel, entry)

    def forget_own(self) -> None:
        """Somebody else tells from now on what this node saw."""
        for row in self._classes.values():
            for entry in row.values():
                entry.own = self._fresh
                entry.join()

    def share(self, node: str, channel: str, cls: str, health: Health) -> None:
        """What another node knows by now, instead of what it told before."""
        entry = self._entry(channel, cls)
        entry.hear({**entry.elsewhere, node: health})
        self._tell_the_others(channel, entry)

    def hear(self, told: Mapping[str, Iterable[Record]]) -> None:
        """What every other node knows by now; who tells nothing any more is forgotten."""
        by_entry: dict[_Entry, dict[str, Health]] = {
            entry: {} for row in self._classes.values() for entry in row.values() if entry.elsewhere
        }
        for node, records in told.items():
            for channel, cls, health in records:
                by_entry.setdefault(self._entry(channel, cls), {})[node] = health
        for entry, elsewhere in by_entry.items():
            entry.hear(elsewhere)
        for row in self._classes.values():
            for entry in row.values():
                entry.others_changed = True

    def _of(self, channel: str) -> list[_Entry]:
        return [row[channel] for row in self._classes.values() if channel in row]

    def _tell_the_others(self, channel: str, changed: _Entry) -> None:
        for entry in self._of(channel):
            entry.others_changed = entry.others_changed or entry is not changed

    def _leaning(self, channel: str, entry: _Entry) -> Health:
        others = [other.health for other in self._of(channel) if other is not entry]
        recent = sum(other.recent for other in others)
        if not recent:
            return entry.health
        mean = sum(other.mean * other.recent for other in others) / recent
        return entry.health.leaning_on(mean, min(recent, self.tuning.shrink_count))

    def _entry(self, channel: str, cls: str) -> _Entry:
        row = self._classes.setdefault(cls, {})
        entry = row.get(channel)
        if entry is None:
            entry = row[channel] = _Entry(self._fresh, self._orders.get(cls, 0))
        return entry
