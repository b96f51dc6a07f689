"""How one attempt goes: paid or not, after how long, what is heard of it, and before which order."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from gateway.lab.arms.port import FAILED, LATE, PAYEE_FAULT, SUCCEEDED, UNKNOWN, News
from gateway.lab.trace import Trace
from gateway.lab.truth import arrives_s

ANSWER_S = 10.0
"""After so long without an answer the outcome of an attempt is unknown."""

Told = tuple[float, int, int, News]
"""When it is heard, of which order, on which channel, and what."""


class Outcome(NamedTuple):
    """What becomes of an attempt."""

    news: News
    time_s: float
    """Until the result is there."""
    unknown: bool
    """Its answer is lost: nobody knows until then."""
    heard: tuple[tuple[int, Told], ...]
    """What is heard, each before the order of that number is decided."""


def outcome(trace: Trace, number: int, at: int, now_s: float, channel: int, p: float) -> Outcome:
    """What becomes of order `number`, sent at the moment of order `at`, when the channel pays with chance `p`."""
    news, time_s, unknown = _result(trace, number, at, now_s, channel, p)
    feedback, late_s = trace.world.feedback, trace.truth.late_s
    heard_s = now_s + time_s + feedback.after_s
    before: list[tuple[float, News]] = []
    if unknown:
        before.append((now_s + min(ANSWER_S, time_s), UNKNOWN))
    if heard_s - now_s > late_s:
        before.append((now_s + late_s, LATE))
    told = [(_due(trace, at, at_s), (at_s, number, channel, what)) for at_s, what in before]
    due = at + 1 + feedback.orders if feedback.orders is not None and not unknown else _due(trace, at, heard_s)
    return Outcome(news, time_s, unknown, (*told, (due, (heard_s, number, channel, news))))


def _result(trace: Trace, number: int, at: int, now_s: float, channel: int, p: float) -> tuple[News, float, bool]:
    truth, facts = trace.truth, trace.world.channels[channel]
    if facts.silent and truth.silent(channel, at):
        return FAILED, trace.world.stuck_s, False
    slow = 1.0 if truth.slow is None else truth.slow[at][channel]
    if facts.arrival.days is None:
        time_s = facts.arrival.median_s * trace.stretch[number][channel] * slow
    else:
        time_s = arrives_s(facts.arrival, now_s, slow)
    own = SUCCEEDED if trace.luck[number][channel] < p else FAILED
    news = PAYEE_FAULT if trace.payee_fault[number] else own
    if facts.lost is not None and trace.loss[number][channel] < facts.lost.share:
        return news, time_s + facts.lost.found_s, True
    return news, time_s, False


def _due(trace: Trace, at: int, heard_s: float) -> int:
    """The first order after `at` that comes after it is heard."""
    if at + 1 < len(trace.at_s) and trace.at_s[at + 1] >= heard_s:
        return at + 1
    return bisect_left(trace.at_s, heard_s, at + 1)
