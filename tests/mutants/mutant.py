"""A mutant: the gateway with one decision of its safety core made wrongly. It raises nothing and logs nothing."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest import mock


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong decision, and what it must be caught by."""

    name: str
    breaks: frozenset[int]
    """Invariants that may catch it; at least one of them must."""
    patch: Callable[[], AbstractContextManager[None]]
    rule: str
    """The rule of docs/reliability.md that it breaks."""


def mutant(name: str, breaks: str, rule: str, *changes: Callable[[], AbstractContextManager[Any]]) -> Mutant:
    """`breaks` names invariants with spaces between; all `changes` together are the one decision."""

    @contextmanager
    def patch() -> Iterator[None]:
        with ExitStack() as stack:
            for change in changes:
                stack.enter_context(change())
            yield

    return Mutant(name, frozenset(map(int, breaks.split())), patch, rule)


def swapped(owner: Any, name: str, new: Any) -> Callable[[], AbstractContextManager[Any]]:
    """`owner.name` is `new`."""
    return lambda: _patched(owner, name, new)


def wrapped(owner: Any, name: str, make: Callable[[Any], Any]) -> Callable[[], AbstractContextManager[Any]]:
    """`owner.name` is `make` of what it was."""
    return lambda: _patched(owner, name, make(getattr(owner, name)))


def _patched(owner: Any, name: str, new: Any) -> AbstractContextManager[Any]:
    """The patch. A function that cannot be called as the one it replaces would raise, and so be no mutant."""
    old = getattr(owner, name)
    if inspect.isroutine(old) and inspect.isroutine(new):
        asked = inspect.signature(old).parameters.values()
        given = [each.name for each in asked if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        inspect.signature(new).bind(*given)  # raises TypeError
    return mock.patch.object(owner, name, new)


def everywhere(owner: ModuleType, name: str, make: Callable[[Any], Any]) -> Callable[[], AbstractContextManager[Any]]:
    """The function is `make` of what it was, in every module that has imported it by name."""

    @contextmanager
    def patch() -> Iterator[None]:
        original = getattr(owner, name)
        made = make(original)
        with ExitStack() as stack:
            for module in list(sys.modules.values()):
                for known in [key for key, value in vars(module).items() if value is original]:
                    stack.enter_context(_patched(module, known, made))
            yield

    return patch


def entry(table: dict[Any, Any], key: Any, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    """One entry of a table is another."""
    return lambda: mock.patch.dict(table, {key: value})
