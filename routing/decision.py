"""A decision as a value: it is stored with the attempt, can be explained later, and replays from what it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from routing.candidate import UNPLACED, Candidate, ranked, repriced
from routing.eligibility import Refusal, RefusalCode
from routing.score import NOTHING_WORTH, Worth, expected_cost

FORMAT = 2
"""The version of the stored form. Version 1 had fee and time only."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Channels in the order to try them, and every reason against the others. No channel is in both."""

    ranked: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]
    preference: str = ""
    worth: Worth = NOTHING_WORTH
    """What a second and a failure cost for this payout."""
    rule: str = ""
    """The explicit rule that ordered the channels, if one did."""
    drawn: bool = False
    """Whether chances were drawn, or the posterior means taken."""
    seed: int | None = None
    """Of the dice, where they had one of their own. The draws themselves are kept with the candidates."""

    @property
    def waitable(self) -> bool:
        """Nothing is usable now, but some channel is barred only by what may pass: wait, do not fail."""
        channels = {refusal.channel for refusal in self.refused}
        barred = {refusal.channel for refusal in self.refused if not refusal.passing}
        return not self.ranked and bool(channels - barred)

    def refuse(self, channel: str, code: RefusalCode, detail: str) -> Decision:
        """The same decision after `channel` turned out unusable (guard or adapter said no before a send)."""
        left = tuple(candidate for candidate in self.ranked if candidate.channel != channel)
        return replace(self, ranked=left, refused=(*self.refused, Refusal(channel, code, detail)))

    def replayed(self) -> Decision:
        """The decision made anew from what it holds: the costs reckoned again, and the ranking. It must be the same."""
        return replace(self, ranked=ranked(repriced(candidate, self.worth) for candidate in self.ranked))

    def to_json(self) -> str:
        """The compact form that is stored with the attempt. Costs are not in it: they follow from the rest."""
        return json.dumps(
            {
                "v": FORMAT,
                "ranked": [_row(candidate) for candidate in self.ranked],
                "refused": [[r.channel, r.code, r.detail] for r in self.refused],
                "worth": [self.worth.second, self.worth.failure],
                **{key: value for key, value in self._named() if value},
            },
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        )

    def _named(self) -> tuple[tuple[str, Any], ...]:
        seed = None if self.seed is None else str(self.seed)  # larger than a double, perhaps
        return ("preference", self.preference), ("rule", self.rule), ("drawn", self.drawn), ("seed", seed)

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Read what `to_json` wrote, now or in version 1.

        Raises:
            ValueError: it is something else, or of a version this program does not know.
        """
        try:
            stored = json.loads(text)
            read = _READERS.get(stored["v"])
            if read is None:
                raise ValueError(f"a decision of format {stored['v']!r}, not {FORMAT}")
            refused = tuple(Refusal(channel, RefusalCode(code), detail) for channel, code, detail in stored["refused"])
            return read(stored, refused)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a stored decision: {error}") from error


def _row(candidate: Candidate) -> list[Any]:
    row = [candidate.channel, candidate.fee_minor, candidate.usual_s, candidate.p, candidate.mean, candidate.strength]
    place = candidate.place if candidate.place != UNPLACED else None
    rest = [place, int(candidate.fell_together), int(candidate.last_resort)]
    return row if rest == [None, 0, 0] else row + rest


def _read_1(stored: Any, refused: tuple[Refusal, ...]) -> Decision:
    """Version 1 ranked by fee, then time: nothing was known of chances, and waiting and failing cost nothing."""
    rows = [Candidate(channel, fee, usual_s, 1.0, 1.0, 0.0, float(fee)) for channel, fee, usual_s in stored["ranked"]]
    return Decision(tuple(rows), refused)


def _read_2(stored: Any, refused: tuple[Refusal, ...]) -> Decision:
    worth = Worth(*stored["worth"])
    rows = tuple(_candidate(row, worth) for row in stored["ranked"])
    seed = stored.get("seed")
    return Decision(
        ranked=rows,
        refused=refused,
        preference=stored.get("preference", ""),
        worth=worth,
        rule=stored.get("rule", ""),
        drawn=stored.get("drawn", False),
        seed=None if seed is None else int(seed),
    )


def _candidate(row: list[Any], worth: Worth) -> Candidate:
    channel, fee, usual_s, p, mean, strength, *rest = row
    place, fell_together, last_resort = rest or (None, 0, 0)
    cost = expected_cost(fee, usual_s, p, worth)
    place = UNPLACED if place is None else place
    return Candidate(channel, fee, usual_s, p, mean, strength, cost, place, bool(fell_together), bool(last_resort))


_READERS = {1: _read_1, 2: _read_2}
