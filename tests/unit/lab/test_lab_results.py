"""What is measured, and how it is told."""

from __future__ import annotations

import json
import re
from math import inf

import pytest

from gateway.cli.lab import run as lab_run
from gateway.lab.arms.table import ARMS
from gateway.lab.load import named, shipped, worlds
from gateway.lab.match import match, setting
from gateway.lab.measure import Measures, Summary, measure
from gateway.lab.run import run
from gateway.lab.scale import scaled
from gateway.lab.trace import draw
from gateway.lab.truth import Truth
from gateway.lab.turns import Turn, hit, moved_after, turns
from gateway.lab.world import Board

ARM_KEYS = {"regret_orders", "regret_ci95", "money_minor", "return_orders"}


def test_turns_are_where_the_best_channel_changes_at_a_jump() -> None:
    """Fall and recovery of each outage; a drift has none; a channel that opens is a rise."""
    found = worlds(shipped())
    outage = turns(Truth(found["outage_d0"]))
    assert outage == (Turn(1200, 2000, 1, rises=False), Turn(2000, 4000, 1, rises=True))
    assert turns(Truth(found["drift"])) == ()
    assert [(turn.at, turn.rises) for turn in turns(Truth(found["cold_start"]))] == [(1200, True)]
    assert [turn.rises for turn in turns(Truth(found["black_hole"]))] == [False, True]


def test_traffic_has_moved_when_half_of_twenty_orders_have() -> None:
    """By hand: back from order 30 after the turn on, every second order, is in time at 30; less is never."""
    turn = Turn(100, 200, 1, rises=True)
    back = bytearray([0] * 130 + [1, 0] * 35)
    assert moved_after(back, turn) == 29.0
    assert moved_after(bytearray([0] * 130 + [1, 0, 0] * 30), turn) == inf
    assert moved_after(bytearray([1] * 200), turn) == 0.0


def test_orders_hit_are_those_sent_to_the_fallen_channel_until_the_traffic_has_left() -> None:
    """Eight orders, then none: the first run of twenty with at most ten of them begins at the turn itself."""
    turn = Turn(100, 200, 1, rises=False)
    quick = bytearray([1] * 108 + [0] * 92)
    assert (moved_after(quick, turn), hit(quick, turn, 0.0)) == (0.0, 0)
    slow = bytearray([1] * 150 + [0] * 50)
    assert moved_after(slow, turn) == 40.0
    assert hit(slow, turn, 40.0) == 40


def game(regret: float, returns: tuple[float, ...] = ()) -> Measures:
    return Measures(regret, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, (), returns, (0.0,))


def test_means_and_intervals_by_hand() -> None:
    """Twenty values with deviation s: half-width 2.093 s / sqrt 20 (Student, 19 degrees of freedom)."""
    summary = Summary(tuple(game(float(value)) for value in range(20)))
    assert summary.mean(lambda each: each.regret_orders) == 9.5
    assert summary.half_width(lambda each: each.regret_orders) == pytest.approx(2.093 * 5.91608 / 20**0.5, rel=1e-3)


def test_a_return_is_a_median_and_never_is_null() -> None:
    """Over seeds and recoveries; when most never return, nothing is told."""
    assert Summary((game(0.0, (10.0,)), game(0.0, (30.0, inf)))).return_orders == 30.0
    assert Summary((game(0.0, (10.0, inf)), game(0.0, (inf,)))).return_orders is None
    assert Summary((game(0.0),)).return_orders is None


def test_exploration_is_what_noticing_does_not_explain() -> None:
    """Together they are all that was lost."""
    world = scaled(worlds(shipped())["outage_d0"], 0.2)
    truth = Truth(world)
    trace = draw(truth, "x", 1)
    played = match(trace, setting(trace, "x", Board.CHOICE), "x", "split", ARMS["split"].make)
    measured = measure(played, turns(truth))
    assert measured.curve[-1] == pytest.approx(sum(played.lost_minor))
    assert 0.0 < measured.exploration_minor < measured.curve[-1]


def test_processes_change_nothing() -> None:
    """One process or two, the same numbers."""
    small = {name: scaled(world, 0.05) for name, world in worlds((named("quiet"),)).items()}
    assert run(small, ["srv3_random", "paymux"], range(2), 1) == run(small, ["srv3_random", "paymux"], range(2), 2)


def test_json_ends_with_one_line_of_the_promised_form(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Worlds, arms, numbers; the other board's are inside; parameters and the tuning's hash come before."""
    page = tmp_path_factory.mktemp("lab") / "lab.html"
    lab_run(
        scenarios=("outages",), arms="paymux,oracle,split", seeds="5:7", jobs=1, orders_scale=0.05, html=page, json=True
    )
    *before, last = capsys.readouterr().out.splitlines()
    told = json.loads(last)
    assert list(told) == ["worlds"]
    assert "outage_d50" in told["worlds"]
    for world in told["worlds"].values():
        assert set(world["arms"]) == {"paymux", "oracle", "split"}
        for arm in world["arms"].values():
            assert arm.keys() >= ARM_KEYS
            assert arm["gateway"].keys() >= ARM_KEYS
            assert arm["return_orders"] is None or arm["return_orders"] >= 0
    assert re.match(r"paymux \(tuning [0-9a-f]{16}\): lengths = ", before[0])
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 12
    assert "http" not in text
    assert "<script" not in text


def test_what_there_is_not_is_said_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    """An arm, a range, a file."""
    for wrong, word in (({"arms": "bogus"}, "bogus"), ({"seeds": "9"}, "range"), ({"scenarios": ("none",)}, "none")):
        with pytest.raises(SystemExit) as ended:
            lab_run(**{"orders_scale": 0.02, "jobs": 1, "arms": "oracle", "seeds": "0:1", **wrong})  # type: ignore[arg-type]  # one of them is wrong
        assert ended.value.code == 1
        assert word in capsys.readouterr().err
