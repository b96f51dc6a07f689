"""Seeds on several processes. Which process lives through which seed changes nothing: each world is its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateway.simulation.stage import prepare

Task = TypeVar("Task")
Result = TypeVar("Result")

SEEDS_A_PROCESS = 60
"""After so many a process makes room for a fresh one: what libraries keep of old worlds is given back."""


@contextmanager
def prepared() -> Iterator[Path]:
    """A folder with configuration and keys, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="paymux-simulation-") as folder:
        prepare(Path(folder))
        yield Path(folder)


def _collect_seldom() -> None:
    """A world keeps what it makes until it ends: looking for garbage every 700 objects cost a twelfth of a run."""
    gc.set_threshold(50_000, 50, 100)


def each(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """The results of `work` for every task, as they come. `work` is a function of a module; so are its tasks' types.

    Even one job is a process of its own: it starts with a fixed hash seed, which no running process can have.
    """
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        context: Any = multiprocessing.get_context("spawn")
        size = min(jobs, max(len(tasks), 1))
        with context.Pool(size, _collect_seldom, maxtasksperchild=SEEDS_A_PROCESS) as pool:
            yield from pool.imap_unordered(work, tasks, chunksize=1)
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
