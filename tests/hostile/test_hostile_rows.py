"""No hostile input is forgotten: every number is covered, later or given up, and what it names exists."""

from __future__ import annotations

import ast
import importlib
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.rows import LAST, LATER, PARTLY, ROWS, UNUSED

TESTS = Path(__file__).parents[1]
MODULES = tuple(f"tests.hostile.{path.stem}" for path in sorted(Path(__file__).parent.glob("test_hostile_*.py")))
_ID = re.compile(r"(?P<file>[\w/]+\.py)::(?P<test>test_\w+)(?:\[(?P<case>row_\w+\*?)\])?")
_CASE = re.compile(r"row_([0-9]+)_\w+")


@cache
def functions(file: str) -> frozenset[str]:
    """The test functions of a file, without importing it."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


@cache
def cases(module: str) -> frozenset[str]:
    """The names of all cases in a module's tables."""
    tables = (value for value in vars(importlib.import_module(module)).values() if isinstance(value, dict))
    return frozenset(key for table in tables for key in table if isinstance(key, str) and _CASE.fullmatch(key))


def numbered(module: str) -> set[tuple[int, str]]:
    """The rows that a module's own names speak of: its cases and its tests."""
    file = module.removeprefix("tests.").replace(".", "/") + ".py"
    named = {(int(found[1]), name) for name in cases(module) if (found := _CASE.fullmatch(name))}
    tests = {
        (int(found[1]), name) for name in functions(file) if (found := _CASE.fullmatch(name.removeprefix("test_")))
    }
    return named | tests


def test_every_number_is_there() -> None:
    """Covered, later or given up, and only one of these; what is partly there is covered."""
    assert set(ROWS) | set(LATER) | UNUSED == set(range(1, LAST + 1))
    assert not set(ROWS) & set(LATER)
    assert not UNUSED & (set(ROWS) | set(LATER))
    assert set(PARTLY) <= set(ROWS)
    assert all(ROWS.values())


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_names_exists(row: int) -> None:
    """Every test it names is there, and every case."""
    for each in ROWS[row]:
        found = _ID.fullmatch(each)
        assert found is not None, each
        assert found["test"] in functions(found["file"]), each
        if found["case"]:
            module = "tests." + found["file"].removesuffix(".py").replace("/", ".")
            assert any(fnmatchcase(name, found["case"]) for name in cases(module)), each
            assert found["case"].startswith(f"row_{row}_"), each


@pytest.mark.parametrize("module", MODULES)
def test_no_case_is_left_out(module: str) -> None:
    """A case or test whose name speaks of a row stands under that row."""
    file = module.removeprefix("tests.").replace(".", "/") + ".py"
    for row, name in numbered(module):
        listed = [_ID.fullmatch(each) for each in ROWS.get(row, ())]
        here = [found for found in listed if found is not None and found["file"] == file]
        patterns = [found["case"] or found["test"] for found in here]
        assert any(fnmatchcase(name, pattern) for pattern in patterns), f"{name} is missing under row {row}"
