"""The tables of `gateway.failpoints`, the code and the chaos rows agree: none can be forgotten, none is only a name."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway import failpoints
from gateway.domain.event import EventType
from gateway.failpoints import FAILPOINTS, Commit, FailpointRefused, Moment, Send, arm
from tests.chaos.ways import ROWS, WAYS

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for path in (ROOT / "gateway").rglob("*.py") if "simulation" not in path.relative_to(ROOT).parts)
SENDING = {"submit": Send.SUBMIT, "query": Send.QUERY, "cancel": Send.CANCEL, "send": Send.CALLBACK}
"""The methods through which something leaves us: three of a channel, one of the callback sender."""
NAMED_BY_WHAT_IT_IS = {"update.event", "heard.answer.heard"}
"""Units named by a value: the event they record, or how the answer was heard."""
UNNAMED = {("gateway/readiness.py", "_check_store"), ("gateway/metrics/store.py", "run")}
"""Units that store nothing, and a store that hands units on to another one."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Calls of a name, or of a method, that is called so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if called in names:
                yield node


def unit_names() -> set[str]:
    """Every name that the code gives a unit."""
    return {ast.unparse(call.args[0]) for _, tree in trees() for call in calls(tree, "Unit")}


def store_runs(function: ast.AST) -> list[ast.Call]:
    return [call for call in calls(function, "run") if ast.unparse(call.func).endswith("store.run")]


def test_every_unit_that_is_run_has_a_name() -> None:
    """`store.run` is handed a `Unit`, directly or as a variable that is one: a commit without a name is a gap."""
    seen = 0
    for path, tree in trees():
        for function in functions(tree) if store_runs(tree) else ():
            if (path, function.name) in UNNAMED:
                continue
            runs = store_runs(function)
            for run in runs:
                seen += 1
                handed = ast.unparse(run.args[0])
                named = handed.startswith("Unit(") or f"{handed} = Unit(" in ast.unparse(function)
                passed_on = function.name == "_settled" and handed == "unit"  # of accept: named by its caller
                assert named or passed_on, f"{path}: {function.name} runs {handed} without a name"
    assert seen >= 20


def test_every_commit_of_the_table_is_in_the_code() -> None:
    """By its own name, or as the event or the answer that names the unit: no failpoint is only a word."""
    names = unit_names()
    assert names >= NAMED_BY_WHAT_IT_IS
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.name != "failpoints.py")
    events = {str(event): event.name for event in EventType}
    answers = {"submit", "query", "cancel", "notification"}
    for commit in Commit:
        by_name = any(f"Commit.{commit.name}" in name for name in names)
        by_event = str(commit) in events and f"EventType.{events[str(commit)]}" in text
        assert by_name or by_event or str(commit) in answers, f"{commit} is nowhere"


def test_every_name_that_a_unit_may_get_is_in_the_table() -> None:
    """Also those that are values: an event that the worker decides on, a way of hearing."""
    known = {str(commit) for commit in Commit}
    for _, tree in trees():
        for call in calls(tree, "Update"):
            for argument in call.args:
                if isinstance(argument, ast.Attribute) and ast.unparse(argument.value) == "EventType":
                    assert str(EventType[argument.attr]) in known, argument.attr
    for name in unit_names():
        for part in ast.walk(ast.parse(name)):
            if isinstance(part, ast.Attribute) and ast.unparse(part.value) in ("Commit", "EventType"):
                table = Commit if ast.unparse(part.value) == "Commit" else EventType
                assert str(table[part.attr]) in known, name


def sends() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, Send, ast.Call]]:
    """Every call through which something leaves us, with the function it stands in."""
    for path, tree in trees():
        for function in functions(tree):
            for call in calls(function, *SENDING, "through"):
                # A channel's calls are handed on, to be counted: `calls.through(handle.channel.submit, signed)`.
                counted = ast.unparse(call.func).endswith("calls.through")
                target = ast.unparse(call.args[0] if counted else call.func)
                if target.endswith(("channel.submit", "channel.query", "channel.cancel", "sender.send")):
                    yield path, function, SENDING[target.rsplit(".", 1)[1]], call


def reached_lines(function: ast.AST, send: Send, moment: Moment) -> list[int]:
    wanted = f"reached(Send.{send.name}, Moment.{moment.name})"
    return [call.lineno for call in calls(function, "reached") if ast.unparse(call) == wanted]


def test_every_send_has_its_two_points_around_it() -> None:
    """The first stands before the call's task is made, the second after its answer is there, in the same function."""
    found = list(sends())
    assert {send for _, _, send, _ in found} == set(Send)
    for path, function, send, call in found:
        where = f"{path}: {function.name}"
        before = reached_lines(function, send, Moment.BEFORE_SEND)
        after = reached_lines(function, send, Moment.AFTER_SEND)
        assert len(before) == len(after) == 1, where
        # A coroutine begins to run when it is awaited or made a task: at the spawn, or with `ask`.
        begins = [each.lineno for each in calls(function, "spawn", "ask", "_ask")] or [call.lineno]
        assert before[0] < min(begins) < after[0], where


def test_the_commit_points_stand_on_both_sides_of_the_one_commit() -> None:
    """There is one COMMIT in the store's writer, and everything that is committed passes both points."""
    tree = ast.parse((ROOT / "gateway/store/writer.py").read_text(encoding="utf-8"))
    (commit,) = [call for call in calls(tree, "commit") if ast.unparse(call.func) == "transaction.commit"]
    lines = {ast.unparse(call.args[1]): call.lineno for call in calls(tree, "committing")}
    assert set(lines) == {"Moment.BEFORE_COMMIT", "Moment.AFTER_COMMIT"}
    assert lines["Moment.BEFORE_COMMIT"] < commit.lineno < lines["Moment.AFTER_COMMIT"]


def test_every_failpoint_has_a_way_to_it() -> None:
    """The chaos rows are generated from the tables; what no running server can come to is said to be so."""
    assert {what for what, _ in WAYS if isinstance(what, Commit)} == set(Commit)
    assert {what for what, _ in WAYS if isinstance(what, Send)} == set(Send)
    no_way = {f"{what}.{moment}" for what, way in WAYS if way is None for moment in Moment if "commit" in moment}
    assert {row.failpoint for row in ROWS} | no_way == set(FAILPOINTS)
    assert no_way == set()
    assert len(FAILPOINTS) == len(set(FAILPOINTS)) >= 30


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    failpoints._armed = None


@pytest.mark.usefixtures("disarmed")
def test_a_live_gateway_cannot_be_armed() -> None:
    """The variable is refused in live mode, whatever it says; so is a name that does not exist, in any mode."""
    for wanted in (FAILPOINTS[0], "", "nonsense"):
        with pytest.raises(FailpointRefused, match="live"):
            arm(wanted, sandbox=False)
    for wanted in ("nonsense", f"{FAILPOINTS[0]}:x", f"{FAILPOINTS[0]}:-1"):
        with pytest.raises(FailpointRefused):
            arm(wanted, sandbox=True)
    assert failpoints._armed is None
    arm(None, sandbox=False)
    assert failpoints._armed is None


SCRIPT = """
from gateway.failpoints import Commit, Moment, Send, Unit, arm, committing, reached
arm({wanted!r}, sandbox=True)
unit = Unit(Commit.ACCEPT, lambda tx: None)
for number in (1, 2, 3):
    print(number, flush=True)
    committing([unit, lambda tx: None], Moment.BEFORE_COMMIT)
    reached(Send.SUBMIT, Moment.BEFORE_SEND)
"""


@pytest.mark.parametrize(
    ("wanted", "printed"),
    [("payout.accepted.before_commit", 1), ("payout.accepted.before_commit:3", 3), ("submit.before_send:2", 2)],
)
def test_it_kills_at_the_pass_it_is_armed_for(wanted: str, printed: int) -> None:
    """SIGKILL, at that pass and no other; nothing of a goodbye."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(wanted=wanted)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == [str(number).encode() for number in range(1, printed + 1)]
