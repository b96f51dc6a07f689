"""`python -m tests.exhaustive --states 1000000`: the walks and the searches, and how much they saw."""

from __future__ import annotations

import argparse
import sys
import time

import pytest

from tests.exhaustive.planted import BUGS, Bug
from tests.exhaustive.scopes import SEARCHES, WALKS
from tests.exhaustive.search import Seen, search
from tests.exhaustive.walk import Walked, walk
from tests.exhaustive.world import Model

NO_END = 1_000_000_000
BUG_WORLDS_MAX = 60_000


def main() -> int:
    """0 when no law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.exhaustive", description=__doc__)
    parser.add_argument("--states", type=int, default=1_000_000, help="distinct worlds a search; 0: until none is new")
    parser.add_argument("--only", choices=[*WALKS, *SEARCHES], action="append", help="one walk or search; repeatable")
    parser.add_argument("--bugs", action="store_true", help="plant every bug instead, and print how it is found")
    asked = parser.parse_args()
    if asked.bugs:
        return sum(not _found(name, bug) for name, bug in BUGS.items())
    wanted = asked.only or [*WALKS, *SEARCHES]
    sound = True
    for name in wanted:
        sound &= _walked(name) if name in WALKS else _searched(name, asked.states or NO_END)
    return 0 if sound else 1


def _found(name: str, bug: Bug) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        seen = search(Model(bug.bounds), BUG_WORLDS_MAX)
    _say(f"{name}: {seen.wrong or 'NOT FOUND'} ({len(seen.story) - 1} steps, {seen.worlds:,} worlds)")
    return seen.wrong is not None and bug.breaks in seen.wrong


def _walked(name: str) -> bool:
    began = time.perf_counter()
    walked = walk(WALKS[name])
    _say(f"walk '{name}': {_told(walked)} ({time.perf_counter() - began:.0f} s)")
    for breach in walked.breaches:
        _say(f"  BROKEN {breach}")
    return not walked.breaches


def _told(walked: Walked) -> str:
    end = "exhausted" if walked.exhausted else "NOT exhausted"
    return (
        f"{len(walked.seen):,} payouts, {walked.changes:,} changes, {walked.answers:,} answers,"
        f" {walked.contradictions:,} contradictions noticed, {len(walked.breaches)} laws broken, {end}"
    )


def _searched(name: str, states: int) -> bool:
    seen = search(Model(SEARCHES[name]), states)
    _say(f"search '{name}': {_summary(seen)}")
    for ending, count in seen.endings.items():
        _say(f"  {count:>12,} {ending}")
    for line in seen.story:
        _say(f"  {line}")
    return seen.wrong is None


def _summary(seen: Seen) -> str:
    end = "exhausted" if seen.exhausted else "stopped there"
    rate = f"{seen.seconds:.0f} s, {seen.worlds / seen.seconds:,.0f} a second"
    return (
        f"{seen.worlds:,} distinct worlds, {seen.changes:,} changes, {seen.depth} deep, {seen.payouts:,} payouts,"
        f" violations: {seen.wrong or 0}, {end} ({rate})"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
