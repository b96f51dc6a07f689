"""How one attempt goes: paid or not, after how long, and whether its answer was lost on the way."""

from __future__ import annotations

from gateway.lab.arms.port import FAILED, PAYEE_FAULT, SUCCEEDED, News
from gateway.lab.trace import Trace
from gateway.lab.truth import arrives_s


def outcome(trace: Trace, number: int, at: int, now_s: float, channel: int, p: float) -> tuple[News, float, bool]:
    """What becomes of order `number`, sent at the moment of order `at`, when the channel pays with chance `p`.

    Returns: the result, the seconds until it is there, and whether its answer was lost: unknown until then.
    """
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
