"""Playing: the same luck for every arm, results when they would come, and no second payment under the fence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.lab.arms.port import FAILED, PAYEE_FAULT, SUCCEEDED, UNKNOWN, News, Order, Setting
from gateway.lab.arms.table import ARMS
from gateway.lab.load import worlds
from gateway.lab.match import match, setting
from gateway.lab.play import ATTEMPTS_MAX, Game
from gateway.lab.trace import Trace, draw
from gateway.lab.truth import Truth
from gateway.lab.world import Board, World

CHANNELS = [{"name": "a", "success": 0.7}, {"name": "b", "success": 0.6}, {"name": "c", "success": 0.5}]


def world(**keys: Any) -> World:
    return World.model_validate({"about": "x", "channels": CHANNELS, "orders": {"count": 400}, **keys})


def played(made: World, make: Any, board: Board = Board.CHOICE, seed: int = 1) -> Game:
    trace = draw(Truth(made), "x", seed)
    return match(trace, setting(trace, "x", board), "x", "mine", make)


class Scribe:
    """Asks a fixed list of channels in turn, and writes everything down."""

    def __init__(self, _: Setting, turn: Sequence[int] = (0, 1, 2)) -> None:
        self.turn = turn
        self.sent: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self.heard: list[tuple[int, News, int, float, int]] = []
        self.latest = -1

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        self.latest = max(self.latest, order.number)
        wanted = [self.turn[(order.number + step) % len(self.turn)] for step in range(len(self.turn))]
        chosen = next(channel for channel in wanted if channel in eligible)
        self.sent[order.number].append((chosen, order.at_s))
        return chosen

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        self.heard.append((channel, news, order, at_s, self.latest))


def scribe_and_game(made: World, board: Board = Board.CHOICE, turn: Sequence[int] = (0, 1, 2)) -> tuple[Scribe, Game]:
    scribes: list[Scribe] = []

    def make(known: Setting) -> Scribe:
        scribes.append(Scribe(known, turn))
        return scribes[-1]

    game = played(made, make, board)
    return scribes[0], game


def results(scribe: Scribe) -> dict[tuple[int, int], News]:
    return {(order, channel): news for channel, news, order, _, _ in scribe.heard if news is not UNKNOWN}


def test_outcomes_hang_on_order_and_channel_alone() -> None:
    """Common random numbers: two arms that send an order to one channel get one result, whatever else they did."""
    one, _ = scribe_and_game(world())
    other, _ = scribe_and_game(world(), turn=(0, 2, 1))
    mine, theirs = results(one), results(other)
    common = mine.keys() & theirs.keys()
    assert len(common) > 100
    assert len(mine.keys() - theirs.keys()) > 100
    assert all(mine[key] is theirs[key] for key in common)


def test_a_failover_meets_the_luck_of_its_channel() -> None:
    """The second attempt of an order goes as it would have gone as the first."""
    first, _ = scribe_and_game(world(), turn=(1,))
    moved, _ = scribe_and_game(world(), Board.GATEWAY)
    alone, several = results(first), results(moved)
    second = [order for order, sent in moved.sent.items() if len(sent) > 1 and sent[1][0] == 1]
    assert len(second) > 20
    assert all(several[order, 1] is alone[order, 1] for order in second if (order, 1) in alone)


def test_a_seed_repeats_exactly_and_another_does_not() -> None:
    """Every arm, both boards."""
    made = world(orders={"count": 150})
    for name, entry in ARMS.items():
        for board in Board:
            games = [played(made, entry.make, board, seed) for seed in (1, 1, 2)]
            assert games[0] == games[1], name
            assert games[0].arrivals_s != games[2].arrivals_s


def test_the_oracle_regrets_nothing_and_is_never_beaten() -> None:
    """On both boards, in a world where price, time and success pull apart."""
    made = world(
        channels=[
            {"name": "a", "success": 0.9, "fees": [{"flat": 2}], "arrival": {"median_s": 3600.0}},
            {"name": "b", "success": 0.95, "fees": [{"flat": 20}]},
            {"name": "c", "success": [{"p": 0.99, "until": 200}, {"p": 0.3}], "fees": [{"bps": 10}]},
        ]
    )
    oracle = played(made, ARMS["oracle"].make)
    assert oracle.regret_orders == 0.0
    assert sum(oracle.lost_minor) == 0.0
    for name, entry in ARMS.items():
        game = played(made, entry.make)
        assert game.money_minor >= oracle.money_minor - 1e-6, name
        assert min(game.lost_minor) >= 0.0


def test_the_choice_boards_oracle_and_the_index_agree() -> None:
    """With paying after all reckoned in, the cheapest single attempt is the channel of the least index."""
    trace = draw(Truth(world()), "x", 1)
    for once, index in zip(trace.once, trace.index, strict=True):
        assert once.index(min(once)) == index.index(min(index))


def test_regret_by_hand() -> None:
    """Always the worst of 0.7, 0.6, 0.5 over 400 orders: 400 x 0.2."""
    _, game = scribe_and_game(world(), turn=(2,))
    assert game.regret_orders == pytest.approx(80.0)
    assert sum(game.lost_minor) == pytest.approx(game.money_minor - played(world(), ARMS["oracle"].make).money_minor)


def test_results_come_as_many_orders_later_as_the_world_says() -> None:
    """The result of order n is heard after order n + 7 was decided, and before the next."""
    scribe, _ = scribe_and_game(world(feedback={"orders": 7}))
    assert {latest - order for _, _, order, _, latest in scribe.heard} == {7}


def test_results_come_as_many_seconds_later_as_the_world_says() -> None:
    """After the arrival and the delay; nothing is heard early."""
    scribe, _ = scribe_and_game(world(feedback={"after_s": 30.0}))
    waits = {latest - order for _, _, order, _, latest in scribe.heard}
    assert min(waits) == 30
    assert max(waits) < 35


def test_a_definite_failure_moves_on_and_everything_else_does_not() -> None:
    """At most three channels, none twice, one after the other; paid or at the payee's fault is the end."""
    scribe, game = scribe_and_game(world(orders={"count": 400, "payee_fault": 0.2}), Board.GATEWAY)
    found = results(scribe)
    for order, sent in scribe.sent.items():
        channels = [channel for channel, _ in sent]
        assert len(set(channels)) == len(channels) <= ATTEMPTS_MAX
        assert all(found[order, channel] is FAILED for channel in channels[:-1])
        assert [at_s for _, at_s in sent] == sorted(at_s for _, at_s in sent)
    ends = Counter(found[order, sent[-1][0]] for order, sent in scribe.sent.items())
    assert ends[SUCCEEDED] == game.paid
    assert ends[PAYEE_FAULT] > 40
    assert game.attempts == sum(map(len, scribe.sent.values())) > 400


def test_an_unknown_outcome_is_never_failed_over_before_it_is_known() -> None:
    """The fence: with its answer lost, the next channel is asked only after the failure was found out."""
    lost = [{**channel, "lost": {"share": 0.5, "found_s": 100.0}} for channel in CHANNELS]
    scribe, game = scribe_and_game(world(channels=lost), Board.GATEWAY)
    unknown = {(order, channel): at_s for channel, news, order, at_s, _ in scribe.heard if news is UNKNOWN}
    assert game.unknown == len(unknown) > 100
    moved = 0
    for order, sent in scribe.sent.items():
        for (channel, at_s), (_, then_s) in pairwise(sent):
            if (order, channel) in unknown:
                moved += 1
                assert then_s >= at_s + 100.0
    assert moved > 20


def test_a_silent_channels_payout_waits_for_a_person() -> None:
    """Nothing is heard for as long as the world says; then it has failed, and only then another channel is asked."""
    silent = [{**CHANNELS[0], "silent": [{"from": 0, "until": 400}]}, *CHANNELS[1:]]
    scribe, _ = scribe_and_game(world(channels=silent, stuck_s=500.0, late_s=1000.0), Board.GATEWAY, turn=(0, 1, 2))
    again = [sent for sent in scribe.sent.values() if len(sent) > 1 and sent[0][0] == 0]
    assert len(again) > 50
    assert all(sent[1][1] >= sent[0][1] + 500.0 for sent in again)


def test_a_balance_runs_dry_by_what_was_paid() -> None:
    """Ten payouts fit; told, the channel is then not eligible, untold it fails everything."""
    for told, after in ((True, 0), (False, 390)):
        dry = [{"name": "a", "success": 1.0, "balance": {"start": 100_000, "told": told}}, *CHANNELS[1:]]
        scribe, _ = scribe_and_game(world(channels=dry), turn=(0,) if not told else (0, 1, 2))
        sent = [order for order, sent in scribe.sent.items() if sent[0][0] == 0]
        found = results(scribe)
        paid = [order for order in sent if found.get((order, 0)) is SUCCEEDED]
        assert len(paid) == 10
        assert len(sent) - len(paid) == pytest.approx(after, abs=1)


def test_a_free_quota_is_charged_as_it_was_used(tmp_path: Path) -> None:
    """Fifty free payouts, then seven each; what the arm sees is what it pays."""
    path = tmp_path / "quota.toml"
    path.write_text(
        '[worlds.x]\nabout = "x"\norders = { count = 200 }\nchannels = [\n'
        '{ name = "a", success = 1.0, fees = [{ flat = 0, count_to = 50 }, { flat = 7 }] },\n'
        '{ name = "b", success = 0.5, fees = [{ flat = 9 }] },\n]\n',
        encoding="utf-8",
    )
    game = played(worlds((path,))["x"], lambda known: Scribe(known, (0,)))
    assert (game.paid, game.fees_minor) == (200, 150 * 7)


def test_a_trace_is_the_worlds_shares() -> None:
    """Luck is even, times follow their median, and orders come in order."""
    trace: Trace = draw(Truth(world(orders={"count": 4000, "random_gaps": True, "payee_fault": 0.1})), "x", 3)
    luck = [row[0] for row in trace.luck]
    assert sum(luck) / 4000 == pytest.approx(0.5, abs=0.02)
    assert sum(trace.payee_fault) / 4000 == pytest.approx(0.1, abs=0.02)
    assert trace.at_s == sorted(trace.at_s)
    assert trace.at_s[-1] / 4000 == pytest.approx(1.0, abs=0.05)
    assert sorted(row[1] for row in trace.stretch)[2000] == pytest.approx(1.0, abs=0.03)
