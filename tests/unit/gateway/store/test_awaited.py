"""A unit's result reaches the task that waits for it, whatever became of that task meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.store.awaited import Awaited


def in_a_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]  # a callable
    thread.start()
    thread.join()


async def test_a_result_and_an_error_cross_from_the_thread() -> None:
    """As they were."""
    good, bad = Awaited[int](), Awaited[int]()
    in_a_thread(lambda: (good.set_result(7), bad.set_exception(LookupError("x"))))
    assert await good.result() == 7
    with pytest.raises(LookupError, match="x"):
        await bad.result()


async def test_who_was_cancelled_is_not_told() -> None:
    """The unit ends all the same, and nothing is raised anywhere: neither for a result nor for an error."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    for outcome in ("result", "exception"):
        awaited = Awaited[object]()
        task = asyncio.ensure_future(awaited.result())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        in_a_thread(lambda: getattr(awaited, f"set_{outcome}")(LookupError("late")))  # noqa: B023 - run at once
        await asyncio.sleep(0)
    assert faults == []


def test_a_loop_that_is_gone_is_no_fault_of_the_writer() -> None:
    """The writer goes on with the next unit."""

    async def make() -> Awaited[int]:
        return Awaited()

    left = asyncio.run(make())
    in_a_thread(lambda: left.set_result(1))
