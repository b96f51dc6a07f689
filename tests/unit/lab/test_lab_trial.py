"""The rival is the one that was measured before: a trial that was run by other code comes out the same here."""

from __future__ import annotations

from statistics import fmean

import pytest

from gateway.lab.arms.table import ARMS
from gateway.lab.load import named, worlds
from gateway.lab.match import match, setting
from gateway.lab.trace import draw
from gateway.lab.truth import Truth
from gateway.lab.world import Board

SEEDS = range(6)


@pytest.mark.parametrize(
    ("name", "measured"),
    [("trial_stationary", 38.0), ("trial_outage", 275.0), ("trial_outage_d50", 349.0), ("trial_brownout_d50", 314.0)],
)
def test_the_greedy_success_rate_router_regrets_what_it_did(name: str, measured: float) -> None:
    """20,000 payouts a seed; six seeds are few, so three tenths either way (the full run is within a fifth)."""
    truth = Truth(worlds((named("trial"),))[name])
    regrets = []
    for seed in SEEDS:
        trace = draw(truth, name, seed)
        known = setting(trace, name, Board.CHOICE)
        regrets.append(match(trace, known, name, "srv3_greedy", ARMS["srv3_greedy"].make).regret_orders)
    assert fmean(regrets) == pytest.approx(measured, rel=0.3)
