"""World files: what is shipped loads, and a fault in a new one is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.lab.load import named, shipped, worlds
from gateway.lab.scale import scaled
from gateway.lab.truth import Truth
from gateway.lab.turns import turns
from gateway.lab.world import Board

NEEDED = {
    "stationary", "drift", "outage_d0", "outage_d50", "outage_two", "outage_flap", "outage_late", "outage_correlated",
    "brownout", "flapping", "payee_noise", "low_volume", "fee_tiers", "balance_dry", "arrival_promises", "delay_1s",
    "delay_60s", "delay_1h", "delay_1d", "lost_0", "lost_1", "lost_16", "black_hole", "cold_start",
}  # fmt: skip
GOOD = """
[worlds.one]
about = "Two channels."
channels = [{ name = "a", success = 0.9 }, { name = "b", success = 0.8 }]
"""


def read(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return dict(worlds((path,)))


def test_every_promised_world_is_shipped_and_loads() -> None:
    """The comparison has all its worlds, both boards in each, and all of them together stay runnable in minutes."""
    found = worlds(shipped())
    assert set(found) == NEEDED
    assert all(world.boards == frozenset(Board) for world in found.values())
    assert sum(world.orders.count for world in found.values()) < 120_000


def test_what_breaks_in_a_shipped_world_is_in_its_name() -> None:
    """A world has `outage` in its name exactly if its best channel goes down altogether, and says so."""
    for name, world in worlds(shipped()).items():
        down = any(0.0 < piece.p < 0.1 for channel in world.channels for piece in channel.success)
        assert down is ("outage" in name), name


def test_the_trial_is_there_by_name_and_not_part_of_the_comparison() -> None:
    """It repeats an experiment of its own."""
    assert named("trial") not in shipped()
    trial = worlds((named("trial"),))
    assert len(trial) == 6
    assert {world.orders.count for world in trial.values()} == {20_000}


def test_a_world_needs_little(tmp_path: Path) -> None:
    """Two channels and a sentence; a number is a rate for ever."""
    world = read(tmp_path, GOOD)["one"]
    assert Truth(world).p[99] == (0.9, 0.8)  # type: ignore[arg-type]  # read gives worlds


def test_a_world_may_be_like_another(tmp_path: Path) -> None:
    """It has the other's keys but for those of its own."""
    found = read(tmp_path, GOOD + '[worlds.two]\nlike = "one"\nabout = "Late."\nfeedback = { orders = 7 }\n')
    one, two = found["one"], found["two"]
    assert two.channels == one.channels  # type: ignore[attr-defined]  # as above
    assert two.feedback.orders == 7  # type: ignore[attr-defined]  # as above


def test_all_faults_are_named_with_their_lines(tmp_path: Path) -> None:
    """Not one after the other: the author sees every one of them, with the nearest right word."""
    text = GOOD + (
        "[worlds.two]\nabout = 3\nchanels = []\n"
        'channels = [{ name = "a", success = 1.5 }, '
        '{ name = "b", success = [{ p = 0.5, until = 9 }, { p = 0.4, until = 4 }] }]\n'
        '[worlds.three]\nlike = "none"\n'
        "[elsewhere]\n"
    )
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    told = str(refused.value)
    for part in (
        ":6: worlds.two.about: must be a string",
        ":7: worlds.two.chanels: unknown key, did you mean 'channels'?",
        "worlds.two.channels.0.success.0.p: must be at most 1.0",
        "only the last may go on for ever",
        "worlds.three.like: must name a world of this file",
        "elsewhere: unknown key",
    ):
        assert part in told, told
    assert "must not be empty" not in told
    assert len(refused.value.faults) == 6


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ('{ name = "a", success = 0.5 }', "two channels of one name"),
        ('{ name = "b", success = 0.5, fees = [{ flat = 1, count_to = 5 }] }', "the last fee has no bounds"),
        ('{ name = "b", success = 0.5, silent = [{ from = 9, until = 9 }] }', "until comes after from"),
        ('{ name = "b", success = [] }', "must not be empty"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, channel: str, why: str) -> None:
    """A world that could not be played is no world."""
    text = f'[worlds.x]\nabout = "x"\nchannels = [{{ name = "a", success = 0.9 }}, {channel}]\n'
    with pytest.raises(ConfigError, match=why):
        read(tmp_path, text)


def test_one_name_means_one_world(tmp_path: Path) -> None:
    """Two files that use a name are refused together."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    for path in (first, second):
        path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match="another file has a world of that name"):
        worlds((first, second))


def test_success_goes_as_it_is_written() -> None:
    """Pieces, a slope, a list that begins anew, silence and an opening."""
    found = worlds(shipped())
    flap = Truth(found["outage_flap"]).p
    assert [flap[at][2] for at in (0, 699, 700, 999, 1000, 1700)] == [0.96, 0.96, 0.02, 0.02, 0.96, 0.02]
    drift = [row[0] for row in Truth(found["drift"]).p]
    assert drift[0] == 0.97
    assert drift == sorted(drift, reverse=True)
    assert drift[2000] == pytest.approx(0.91, abs=0.001)
    new = Truth(found["cold_start"]).p
    assert (new[1199][2], new[1200][2]) == (0.0, 0.97)


def test_a_shorter_world_tells_the_same_story() -> None:
    """Order numbers shrink together, so that an outage is still an outage between the same shares of the orders."""
    world = worlds(shipped())["outage_d0"]
    small = scaled(world, 0.1)
    assert small.orders.count == world.orders.count // 10
    there, here = turns(Truth(world)), turns(Truth(small))
    assert [(turn.at // 10, turn.channel, turn.rises) for turn in there] == [
        (turn.at, turn.channel, turn.rises) for turn in here
    ]
    assert scaled(world, 1.0) is world
