"""Why this channel: the stored decision of each attempt, in numbers and in words.

What a refusal's detail says of limits and loads is about all apps together, so it stays with the operators.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.currencies import exponent
from gateway.domain.payout import Attempt, Payout
from gateway.domain.view import Json
from routing.candidate import Candidate
from routing.decision import Decision
from routing.explain import Language, Voice, explain


def decision_views(payout: Payout, language: Language) -> list[Json]:
    """One for each attempt, oldest first. An attempt from before decisions were stored has none."""
    currency = payout.amount.currency
    voice = Voice(language, currency, exponent(currency) or 0)
    return [
        _view(attempt, Decision.from_json(attempt.decision), voice) for attempt in payout.attempts if attempt.decision
    ]


def _view(attempt: Attempt, decision: Decision, voice: Voice) -> Json:
    told = replace(decision, refused=tuple(replace(refusal, detail="") for refusal in decision.refused))
    return {
        "attempt": attempt.number,
        "channel": attempt.channel,
        "preference": decision.preference or None,
        "rule": decision.rule or None,
        "drawn": decision.drawn,
        "seed": None if decision.seed is None else str(decision.seed),
        "candidates": [_candidate(decision, candidate) for candidate in decision.ranked],
        "refused": [{"channel": refusal.channel, "code": str(refusal.code)} for refusal in decision.refused],
        "words": explain(told, voice),
    }


def _candidate(decision: Decision, candidate: Candidate) -> Json:
    worth = decision.worth
    return {
        "channel": candidate.channel,
        "cost_minor": round(candidate.cost, 4),
        "fee_minor": candidate.fee_minor,
        "time_minor": round(candidate.time_minor(worth), 4),
        "risk_minor": round(candidate.risk_minor(worth), 4),
        "expected_time_s": round(candidate.usual_s, 3),
        "chance": round(candidate.p, 6),
        "chance_mean": round(candidate.mean, 6),
        "chance_evidence": round(candidate.strength, 2),
    }
