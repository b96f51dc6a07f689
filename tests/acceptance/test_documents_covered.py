"""No code block of any document is left out: the table has a row for each, and what the rows say is there."""

from __future__ import annotations

import ast
from functools import cache

from tests.acceptance.document_blocks import ROOT, Block, Place, commands
from tests.acceptance.document_table import ALL, ROWS, ByTest, InCi, NotRun, cases, row_of

CI = [part.strip() for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines() for part in line.split("&&")]


def test_every_block_has_a_row() -> None:
    """Nobody adds a block that nothing executes."""
    assert len(ALL) > 80
    assert [f"{block}: {block.place}" for block in ALL if row_of(block.place) is None] == []


def test_a_new_block_is_noticed() -> None:
    """In a language that is not there yet, under a heading that has none, and on a page that has none."""
    for place in (("docs/api.md", "Ordering", "sh"), ("docs/api.md", "Status", "json"), ("docs/new.md", "New", "sh")):
        assert row_of(Place(*place)) is None


def test_every_row_has_its_blocks() -> None:
    """No row is left of a block that is gone, and none passes over a block beside the one it means."""
    for place, how in ROWS.items():
        there = [block for block in ALL if row_of(block.place) == place]
        expected = len(how) if isinstance(how, tuple) else 1 if place.heading else max(len(there), 1)
        assert len(there) == expected, place


@cases(NotRun)
def test_hardly_anything_is_not_run(block: Block, how: NotRun) -> None:
    """Each has its reason; one more is a decision."""
    assert block.place.page == "CONTRIBUTING.md"
    assert how.reason


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


@cases(ByTest)
def test_the_test_that_does_it_is_there(block: Block, how: ByTest) -> None:
    """A test that was renamed or removed is missed here."""
    assert how.names
    for name in how.names:
        file, _, function = name.partition("::")
        assert function.startswith("test_")
        assert function in functions(file), name


@cases(InCi)
def test_ci_runs_it(block: Block, how: InCi) -> None:
    """Each command stands in `.ci/run`, perhaps with more words or fewer."""
    for command in (part.strip() for line in commands(block.text) for part in line.split("&&")):
        assert any(each and (each.startswith(command) or command.startswith(each)) for each in CI), command
