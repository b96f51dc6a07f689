"""Every arm by its name, with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from types import MappingProxyType

from gateway.lab.arms import bandits, plain, srv3
from gateway.lab.arms.paymux import Paymux
from gateway.lab.arms.port import Entry
from routing.health import DEFAULT

TUNED = {field.name: getattr(DEFAULT, field.name) for field in fields(DEFAULT) if field.init}
"""Ours are the defaults of the product: what is compared is what runs."""
_SRV3 = {"window": srv3.WINDOW, "starts_with": "ones"}
_HEDGING = {"hedging_percent": srv3.HEDGING_PERCENT}
_FULL = {
    "reset_sigmas": srv3.SIGMAS,
    "elimination_penalty": srv3.PENALTY,
    "elimination_reward": srv3.REWARD,
    "elimination_threshold": srv3.THRESHOLD,
    "demoted_by": srv3.DEMOTED_BY,
    "soft_reset_s": srv3.SOFT_RESET_S,
    "payee_faults_count": False,
}


def _srv3(mode: srv3.Mode, full: bool) -> Entry:
    hedging = {} if mode is srv3.Mode.GREEDY else _HEDGING
    return Entry(partial(srv3.SrV3, mode=mode, full=full), {**_SRV3, **hedging, **(_FULL if full else {})})


ARMS: Mapping[str, Entry] = MappingProxyType(
    {
        "paymux": Entry(Paymux, TUNED),
        "oracle": Entry(plain.Oracle, {}),
        "fixed_best": Entry(plain.fixed_best, {}),
        "cheapest": Entry(plain.Cheapest, {}),
        "priority_breaker": Entry(
            plain.PriorityBreaker, {"failures": plain.BREAKER_FAILURES, "open_s": plain.BREAKER_OPEN_S, "trials": 1}
        ),
        "split": Entry(plain.Split, {}),
        "srv3_greedy": _srv3(srv3.Mode.GREEDY, full=False),
        "srv3_random": _srv3(srv3.Mode.RANDOM, full=False),
        "srv3_explore": _srv3(srv3.Mode.EXPLORE, full=False),
        "srv3_greedy_full": _srv3(srv3.Mode.GREEDY, full=True),
        "srv3_random_full": _srv3(srv3.Mode.RANDOM, full=True),
        "srv3_explore_full": _srv3(srv3.Mode.EXPLORE, full=True),
        "sw_ucb": Entry(bandits.SwUcb, {"window": bandits.WINDOW, "xi": bandits.SW_XI}),
        "d_ucb": Entry(bandits.DUcb, {"discount": bandits.DISCOUNT, "xi": bandits.D_XI}),
        "d_thompson": Entry(bandits.DThompson, {"discount": bandits.THOMPSON_DISCOUNT}),
    }
)
