"""How a process that serves is set up: its event loop, its threads, its garbage collector. See docs/performance.md."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

SWITCH_S = 0.0005
"""The writer lets the interpreter go at every statement, and waits for so long, at most, until it has it again. At
Python's 5 ms a group of many statements would stand still behind a loop that is busy."""
GENERATIONS = (10_000, 20, 50)
"""A payout makes thousands of objects that nothing refers to when it is done; few of them are in a cycle."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, as `asyncio.run` does, on uvloop."""
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def settle() -> None:
    """All that lives for as long as the process is there: the collector need not look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GENERATIONS)
