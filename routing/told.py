"""A decision in numbers, for programs: what the API and the command line say of it. In words: `routing.explain`."""

from __future__ import annotations

from typing import Any

from routing.candidate import Candidate
from routing.decision import Decision


def told(decision: Decision, *, details: bool) -> dict[str, Any]:
    """Costs are in minor units. `details` of refusals speak of limits and loads of all apps: for operators only."""
    return {
        "preference": decision.preference or None,
        "rule": decision.rule or None,
        "quoted": decision.quoted,
        "drawn": decision.drawn,
        "seed": None if decision.seed is None else str(decision.seed),
        "last_call": decision.last,
        "candidates": [_candidate(decision, candidate) for candidate in decision.ranked],
        "refused": [
            {"channel": refusal.channel, "code": str(refusal.code)} | ({"detail": refusal.detail} if details else {})
            for refusal in decision.refused
        ],
    }


def _candidate(decision: Decision, candidate: Candidate) -> dict[str, Any]:
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
