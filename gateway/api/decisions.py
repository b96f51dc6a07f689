"""Why this channel: the stored decision of each attempt, in numbers and in words.

What a refusal's detail says of limits and loads is about all apps together, so it stays with the operators.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.currencies import exponent
from gateway.domain.payout import Attempt, Payout
from gateway.domain.view import Json
from routing.decision import Decision
from routing.explain import Language, Voice, explain
from routing.told import told as numbers


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
        **numbers(decision, details=False),
        "words": explain(told, voice),
    }
