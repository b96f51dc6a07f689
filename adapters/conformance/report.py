"""Look whether a channel keeps its promises, each in a world of its own, and tell of every one of them."""

from __future__ import annotations

import asyncio
import linecache
import tempfile
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from adapters.conformance.catalogue import promises_of
from adapters.conformance.promise import Promise
from adapters.conformance.world import ChannelUnderTest, opened

PROMISE_MAX_S = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One promise and what was found."""

    promise: str
    says: str
    kept: bool
    why: str = ""
    """What broke it: the line that did not hold, or the error. Empty for a kept one."""


@dataclass(frozen=True, slots=True)
class Report:
    """All of one channel's."""

    adapter: str
    version: str
    findings: tuple[Kept, ...]

    @property
    def broken(self) -> tuple[Kept, ...]:
        return tuple(finding for finding in self.findings if not finding.kept)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "broken": len(self.broken)}


class Unchecked(Exception):
    """The check itself cannot be trusted as it was started."""


async def check(subject: ChannelUnderTest, wanted: Callable[[Promise], bool] = lambda _: True) -> AsyncIterator[Kept]:
    """Each promise as it is looked at.

    Raises:
        Unchecked: asserts are switched off, so that every promise would seem to be kept.
    """
    if not __debug__:
        raise Unchecked("promises are asserts: do not start it with -O or PYTHONOPTIMIZE")
    with tempfile.TemporaryDirectory() as folder:
        for promise in promises_of(subject):
            if wanted(promise):
                yield await _look(subject, promise, Path(folder))


async def report(subject: ChannelUnderTest, wanted: Callable[[Promise], bool] = lambda _: True) -> Report:
    """All of them. Raises `Unchecked`."""
    findings = [finding async for finding in check(subject, wanted)]
    return Report(subject.spec.name, subject.spec.version, tuple(findings))


async def _look(subject: ChannelUnderTest, promise: Promise, folder: Path) -> Kept:
    try:
        with structlog.testing.capture_logs():
            async with asyncio.timeout(PROMISE_MAX_S), opened(subject, folder) as world:
                await promise.keep(world)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the promise is broken, and the report says by what
        return Kept(promise.name, promise.says, False, _why(error))
    return Kept(promise.name, promise.says, True)


def _why(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == Path(__file__).parent]
    if not isinstance(error, AssertionError) or not own:
        return f"{type(error).__name__}: {error}"[:300]
    line = _statement(own[-1]).removeprefix("assert ")
    return f"does not hold: {line}" + (f" ({str(error)[:200]})" if str(error) else "")


def _statement(frame: traceback.FrameSummary) -> str:
    """The statement that raised, on one line."""
    first, last = frame.lineno or 0, frame.end_lineno or frame.lineno or 0
    lines: Sequence[str] = [linecache.getline(frame.filename, number).strip() for number in range(first, last + 1)]
    return " ".join(lines)
