"""A decision as a value: it is stored with the attempt, can be explained later, and replays from what it holds."""

from __future__ import annotations

import json
import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from routing.candidate import UNPLACED, Candidate, ranked, repriced
from routing.eligibility import BUSY, PASSING, Refusal, RefusalCode
from routing.score import NOTHING_WORTH, Worth, expected_cost

FORMAT = 3
"""The version of the stored form. Version 1 had fee and time only, version 2 all numbers as text."""

PASSES = frozenset(code for code, passing in PASSING.items() if passing)


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
    last: bool = False
    """The payout's time was over: its app's preference, and rules that give way, were set aside."""
    quoted: bool = False
    """The channels' order and fees are those of a quote that the app holds."""

    @property
    def waitable(self) -> bool:
        """Nothing is usable now, but some channel is barred only by what may pass: wait, do not fail."""
        return self._has_only(PASSES)

    @property
    def busy(self) -> bool:
        """Nothing is usable, but some channel takes payouts and has its hands full: there is a turn for each."""
        return self._has_only(BUSY)

    def _has_only(self, codes: frozenset[RefusalCode]) -> bool:
        channels = {refusal.channel for refusal in self.refused}
        barred = {refusal.channel for refusal in self.refused if refusal.code not in codes}
        return not self.ranked and bool(channels - barred)

    def refuse(self, channel: str, code: RefusalCode, detail: str) -> Decision:
        """The same decision after `channel` turned out unusable (guard or adapter said no before a send)."""
        left = tuple(candidate for candidate in self.ranked if candidate.channel != channel)
        return replace(self, ranked=left, refused=(*self.refused, Refusal(channel, code, detail)))

    def replayed(self) -> Decision:
        """The decision made anew from what it holds: the costs reckoned again, and the ranking. It must be the same."""
        return replace(self, ranked=ranked(repriced(candidate, self.worth) for candidate in self.ranked))

    def to_json(self) -> str:
        """The compact form that is stored with the attempt: JSON around one block of numbers, since all of it is
        written with every attempt. Costs are not in it: they follow from the rest."""
        second, failure = self.worth
        refused = _encode([[r.channel, r.code, r.detail] for r in self.refused]) if self.refused else "[]"
        named = f',"preference":{encode_basestring(self.preference)}' if self.preference else ""
        named += f',"rule":{encode_basestring(self.rule)}' if self.rule else ""
        named += "" if self.seed is None else f',"seed":"{self.seed}"'  # larger than a double, perhaps
        flags = (',"drawn":true' if self.drawn else "") + (',"last":true' if self.last else "")
        flags += ',"quoted":true' if self.quoted else ""
        head = f'"v":{FORMAT},{_packed(self.ranked)},"refused":{refused}'
        return f'{{{head},"worth":[{second!r},{failure!r}]{named}{flags}}}'

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Read what `to_json` writes or ever wrote.

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
        except (KeyError, TypeError, struct.error) as error:
            raise ValueError(f"not a stored decision: {error}") from error


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_UNMARKED = (UNPLACED, False, False)
"""Place, failure domain and last resort of a candidate without marks."""


def _packed(ranked: Sequence[Candidate]) -> str:
    """The candidates: their names; fees, times, chances, means and strengths in columns; and marks where there are any.

    Names have no spaces (`gateway.config.model.NAME`).
    """
    if not ranked:
        return '"ranked":"","facts":""'
    names, fees, times, chances, means, strengths, _, places, fell, last = zip(*ranked, strict=True)
    block = struct.pack(_layout(len(names)), *fees, *times, *chances, *means, *strengths)
    facts = b2a_base64(block, newline=False).decode()
    plain = places.count(UNPLACED) == len(names) and True not in fell and True not in last
    told = "" if plain else f',"marks":{_encode(list(zip(places, fell, last, strict=True)))}'
    return f'"ranked":{encode_basestring(" ".join(names))},"facts":"{facts}"{told}'


@lru_cache
def _layout(count: int) -> str:
    """Little-endian: so many whole fees, then four times as many doubles."""
    return f"<{count}q{4 * count}d"


def _read_1(stored: Any, refused: tuple[Refusal, ...]) -> Decision:
    """Version 1 ranked by fee, then time: nothing was known of chances, and waiting and failing cost nothing."""
    rows = [Candidate(channel, fee, usual_s, 1.0, 1.0, 0.0, float(fee)) for channel, fee, usual_s in stored["ranked"]]
    return Decision(tuple(rows), refused)


def _read_2(stored: Any, refused: tuple[Refusal, ...]) -> Decision:
    """Version 2 had a row of numbers for each candidate."""
    worth = Worth(*stored["worth"])
    return _rest(stored, refused, worth, tuple(_candidate_2(row, worth) for row in stored["ranked"]))


def _candidate_2(row: list[Any], worth: Worth) -> Candidate:
    channel, fee, usual_s, p, mean, strength, *rest = row
    place, fell_together, last_resort = rest or (None, 0, 0)
    cost = expected_cost(fee, usual_s, p, worth)
    place = UNPLACED if place is None else place
    return Candidate(channel, fee, usual_s, p, mean, strength, cost, place, bool(fell_together), bool(last_resort))


def _read_3(stored: Any, refused: tuple[Refusal, ...]) -> Decision:
    worth, names = Worth(*stored["worth"]), stored["ranked"].split()
    block = struct.unpack(_layout(len(names)), a2b_base64(stored["facts"]))
    columns = (block[start : start + len(names)] for start in range(0, len(block), len(names) or 1))
    marks = stored.get("marks", [_UNMARKED] * len(names))
    rows = zip(names, *columns, marks, strict=True)
    return _rest(stored, refused, worth, tuple(_candidate_3(row, worth) for row in rows))


def _candidate_3(row: tuple[Any, ...], worth: Worth) -> Candidate:
    channel, fee, usual_s, p, mean, strength, (place, fell_together, last_resort) = row
    cost = expected_cost(fee, usual_s, p, worth)
    return Candidate(channel, fee, usual_s, p, mean, strength, cost, place, fell_together, last_resort)


def _rest(stored: Any, refused: tuple[Refusal, ...], worth: Worth, ranked: tuple[Candidate, ...]) -> Decision:
    seed = stored.get("seed")
    return Decision(
        ranked=ranked,
        refused=refused,
        preference=stored.get("preference", ""),
        worth=worth,
        rule=stored.get("rule", ""),
        drawn=stored.get("drawn", False),
        seed=None if seed is None else int(seed),
        last=stored.get("last", False),
        quoted=stored.get("quoted", False),
    )


_READERS = {1: _read_1, 2: _read_2, 3: _read_3}
