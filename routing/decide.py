"""The decision: which channels may carry a payout, best first, and why each other one may not.

Facts in, a frozen value out. It is stored with the attempt, so that "why this channel" can be answered
later. Cheapest first; among equals the faster promise; then by name, so that the same facts give the same
decision. A cleverer score takes the same arguments and gives the same value: nothing outside this file
knows how the ranking came about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from routing.eligibility import LiveFacts, Refusal, RefusalCode, Request, eligibility
from routing.policy import ChannelPolicy
from routing.score import fee_minor

__all__ = ["Candidate", "Decision", "LiveFacts", "Refusal", "RefusalCode", "Request", "decide"]

FORMAT = 1
"""The version of the stored form."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel that may carry the payout, and what it was ranked by."""

    channel: str
    fee_minor: int
    usual_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """Channels in the order to try them, and every reason against the others. No channel is in both."""

    ranked: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]

    @property
    def waitable(self) -> bool:
        """Nothing is usable now, but some channel is barred only by what may pass: wait, do not fail."""
        channels = {refusal.channel for refusal in self.refused}
        barred = {refusal.channel for refusal in self.refused if not refusal.passing}
        return not self.ranked and bool(channels - barred)

    def refuse(self, channel: str, code: RefusalCode, detail: str) -> Decision:
        """The same decision after `channel` turned out unusable (guard or adapter said no before a send)."""
        return Decision(
            ranked=tuple(candidate for candidate in self.ranked if candidate.channel != channel),
            refused=(*self.refused, Refusal(channel, code, detail)),
        )

    def to_json(self) -> str:
        """The compact form that is stored with the attempt."""
        return json.dumps(
            {
                "v": FORMAT,
                "ranked": [[c.channel, c.fee_minor, c.usual_s] for c in self.ranked],
                "refused": [[r.channel, r.code, r.detail] for r in self.refused],
            },
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else, or of a version this program does not know.
        """
        try:
            stored = json.loads(text)
            if stored["v"] != FORMAT:
                raise ValueError(f"a decision of format {stored['v']!r}, not {FORMAT}")
            return cls(
                ranked=tuple(Candidate(channel, fee, usual_s) for channel, fee, usual_s in stored["ranked"]),
                refused=tuple(Refusal(channel, RefusalCode(c), text) for channel, c, text in stored["refused"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a stored decision: {error}") from error


def decide(request: Request, channels: Sequence[ChannelPolicy], live: Mapping[str, LiveFacts]) -> Decision:
    """Rank the channels that may carry the payout; refuse the others with every reason.

    The order of `channels` does not matter. A channel without an entry in `live` is taken to be idle and
    sound.
    """
    refused = {p.name: eligibility(request, p, live.get(p.name, LiveFacts())) for p in channels}
    ranked = sorted((_candidate(request, p) for p in channels if not refused[p.name]), key=_rank)
    return Decision(tuple(ranked), tuple(chain.from_iterable(refused[name] for name in sorted(refused))))


def _candidate(request: Request, policy: ChannelPolicy) -> Candidate:
    fee = fee_minor(request.amount, policy.fees)
    assert fee is not None  # noqa: S101 - eligibility refuses a channel without a price
    return Candidate(policy.name, fee, policy.usual_s)


def _rank(candidate: Candidate) -> tuple[int, float, str]:
    return candidate.fee_minor, candidate.usual_s, candidate.channel
