"""A long run that was cut off goes on where it was, and nothing that other code lived through is counted with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.simulation import kept
from gateway.simulation.audit import Violation
from gateway.simulation.faults import Fault
from gateway.simulation.kept import Kept, life_of
from gateway.simulation.run import Options, SeedResult
from gateway.simulation.work import SeedTask

RESULT = SeedResult(
    seed=7,
    orders=20,
    violations=(Violation(31, datetime(2026, 1, 1, tzinfo=UTC), "po_1", "still sending"),),
    counts=Counter(failovers=3),
    faults=Counter({Fault.CRASH: 2}),
    finished=19,
    accepted=20,
    trace_hash="ab",
    broken_contract=False,
    real_crypto=True,
    cpu_s=1.5,
)


def _task(**more: Any) -> SeedTask:
    return replace(SeedTask(7, 20, Options(Path("anywhere"))), **more)


def test_what_was_written_is_taken_again(tmp_path: Path) -> None:
    """A result comes back as it was, whatever folder the run has this time."""
    Kept(tmp_path / "kept").add(_task(), RESULT)
    assert Kept(tmp_path / "kept").of([_task(options=Options(Path("elsewhere")))]) == {7: RESULT}


def test_half_a_line_is_no_line(tmp_path: Path) -> None:
    """A kill in the middle of a write loses that seed only."""
    path = tmp_path / "kept"
    Kept(path).add(_task(), RESULT)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert Kept(path).of([_task()]) == {}
    Kept(path).add(_task(), RESULT)
    assert Kept(path).of([_task()]) == {7: RESULT}


@pytest.mark.parametrize(
    "other",
    [
        _task(orders=21),
        _task(seed=8),
        _task(baseline=True),
        _task(options=Options(Path(), nodes=(1, 1))),
        _task(options=Options(Path(), faults=frozenset({Fault.CRASH}))),
        _task(options=Options(Path(), real_crypto=True)),
    ],
)
def test_another_life_is_not_counted(tmp_path: Path, other: SeedTask) -> None:
    """What was found under other orders, nodes, faults, crypto or rule says nothing of this run."""
    Kept(tmp_path / "kept").add(_task(), RESULT)
    assert Kept(tmp_path / "kept").of([other]) == {}


def test_other_code_is_another_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of one byte of the gateway makes every seed new."""
    before = life_of(_task())
    monkeypatch.setattr(kept, "_sources", lambda: "changed")
    assert life_of(_task()) != before


def test_nothing_is_kept_without_a_file() -> None:
    """Without a file there is nothing to take and nothing is written."""
    Kept(None).add(_task(), RESULT)
    assert Kept(None).of([_task()]) == {}
