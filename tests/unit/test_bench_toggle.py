"""The measurement of toggles: what it reckons, and that each of its rules can be broken."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from bench.leaving import RULES, Change, broken, rows
from bench.ways import Said, in_place, link_swapped, mounted, renamed_over

CHANGES = [Change("in place", True, 100.0, 100.3, 7), Change("renamed over", False, 200.0, 200.25, 0)]
OPENED = [
    *((99.0 + number / 10, "alpha") for number in range(9)),
    (99.95, "beta"),
    (100.2, "alpha"),
    (100.35, "alpha"),
    (100.45, "beta"),
    (100.5, "alpha"),
    (101.0, "beta"),
    (200.1, "beta"),
    (200.5, "alpha"),
]


def test_it_reckons_when_traffic_left_and_when_it_came_back() -> None:
    """The last attempt, the decisions up to it from the debounce on, those under the new file; then the first one."""
    assert rows(CHANGES, OPENED) == [
        {
            "way": "in place",
            "in_force_ms": 300,
            "drained": True,
            "share_before": 0.9,
            "last_attempt_ms": 500,
            "decisions_after_debounce": 2,
            "to_it_in_force": 2,
            "under_way_then": 7,
        },
        {"way": "renamed over", "in_force_ms": 250, "drained": False, "first_attempt_ms": 500},
    ]


GOOD: dict[str, Any] = {
    "changes": rows(CHANGES, OPENED),
    "broken": {
        "names_its_line": True,
        "last_reload_successful": 0.0,
        "drained_is_in_force": True,
        "decisions": 200,
        "decisions_to_it": 0,
    },
    "last_reload_successful": 1.0,
    "answers": {"201": 9},
    "accepted": 9,
    "unpaid": 0,
}
WORSE: list[tuple[tuple[str | int, ...], object]] = [
    (("changes", 0, "decisions_after_debounce"), 101),
    (("changes", 0, "to_it_in_force"), 101),
    (("changes", 0, "share_before"), 0.1),
    (("changes", 1, "first_attempt_ms"), None),
    (("broken", "names_its_line"), False),
    (("broken", "last_reload_successful"), 1.0),
    (("broken", "drained_is_in_force"), False),
    (("broken", "decisions"), 0),
    (("broken", "decisions_to_it"), 1),
    (("last_reload_successful",), 0.0),
    (("answers", "500"), 1),
    (("accepted",), 0),
    (("unpaid",), 1),
]


def worse(path: tuple[str | int, ...], value: object) -> list[str]:
    result = deepcopy(GOOD)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return broken(result)


@pytest.mark.parametrize(("path", "value"), WORSE)
def test_each_rule_can_be_broken(path: tuple[str | int, ...], value: object) -> None:
    """By one number alone."""
    assert broken(GOOD) == []
    assert len(worse(path, value)) == 1


def test_no_rule_is_without_such_a_number() -> None:
    """The list above is about all of them."""
    assert {rule for each in WORSE for rule in worse(*each)} == set(RULES)


def test_the_ways_change_what_stands_at_the_path(tmp_path: Path) -> None:
    """Each of them; a link stays a link."""
    path = tmp_path / "config.toml"
    for number, way in enumerate((in_place, renamed_over, mounted, link_swapped, link_swapped)):
        way(path, f"version = {number}")
        assert path.read_text() == f"version = {number}"
    assert path.is_symlink()


def test_the_log_is_read_on(tmp_path: Path) -> None:
    """Each line is told once, and half a line not before it is whole."""
    path = tmp_path / "log"
    path.write_text('{"event": "a", "n": 1}\nnoise\n{"event": "a", "n": 2}\n')
    said = Said(path)
    assert said.until("a", n=2)["n"] == 2
    with path.open("a") as log:
        log.write('{"event": "a", "n": 3}\n{"event": "a", "n":')
    assert said.until("a")["n"] == 3
    with path.open("a") as log:
        log.write(" 4}\n")
    assert said.until("a")["n"] == 4
