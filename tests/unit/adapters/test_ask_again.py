"""The one retry policy: for questions, three times at most, and only while there is no usable answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from adapters.ask_again import TRIES, ask_again
from adapters.http import HttpAnswer, NoAnswer

Result = HttpAnswer | NoAnswer
NOTHING = NoAnswer(sent=True, error="ReadTimeout")
REFUSED = NoAnswer(sent=False, error="ConnectError")


def status(code: int) -> HttpAnswer:
    return HttpAnswer(code, {}, b"")


class Asked:
    """Answers in turn, and notes the waits in between."""

    def __init__(self, *results: Result) -> None:
        self.results: Sequence[Result] = results
        self.calls = 0
        self.waits: list[float] = []

    async def call(self) -> Result:
        self.calls += 1
        return self.results[self.calls - 1]

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


async def test_an_answer_is_taken_at_once() -> None:
    """One call, no wait."""
    asked = Asked(status(200))
    assert await ask_again(asked.call, asked.sleep) is asked.results[0]
    assert (asked.calls, asked.waits) == (1, [])


@pytest.mark.parametrize("passing", [NOTHING, REFUSED, *map(status, (500, 502, 503, 504))], ids=str)
async def test_no_answer_and_later_are_asked_again(passing: Result) -> None:
    """The third try may do better; its answer is the answer."""
    asked = Asked(passing, passing, status(200))
    assert await ask_again(asked.call, asked.sleep) is asked.results[2]
    assert (asked.calls, len(asked.waits)) == (3, 2)


@pytest.mark.parametrize("code", [200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 501])
async def test_every_other_answer_stands(code: int) -> None:
    """A refusal or "too often" does not get better by asking three times in a second."""
    asked = Asked(status(code))
    assert await ask_again(asked.call, asked.sleep) is asked.results[0]
    assert asked.calls == 1


async def test_the_last_result_is_given_whatever_it_is() -> None:
    """After three tries, what the third brought; never tenacity's own error."""
    asked = Asked(NOTHING, REFUSED, status(503))
    assert await ask_again(asked.call, asked.sleep) is asked.results[2]
    assert asked.calls == TRIES == 3


async def test_the_waits_are_short_and_on_the_given_clock() -> None:
    """Two waits of half a second at most each: no longer than a step may take."""
    asked = Asked(NOTHING, NOTHING, NOTHING)
    await ask_again(asked.call, asked.sleep)
    assert len(asked.waits) == 2
    assert all(0 <= wait <= 0.5 for wait in asked.waits)


async def test_a_lambda_that_returns_an_awaitable_is_awaited() -> None:
    """tenacity awaits coroutine functions only: without care, a lambda would be "answered" by its own coroutine."""
    asked = Asked(NOTHING, status(200))
    found = await ask_again(lambda: asked.call(), asked.sleep)
    assert (found, asked.calls) == (asked.results[1], 2)


async def test_any_awaitable_will_do() -> None:
    """A future is as good as a coroutine."""

    def call() -> Awaitable[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        future.set_result(status(200))
        return future

    assert (await ask_again(call, Asked().sleep)) == status(200)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("ours")], ids=repr)
async def test_what_is_raised_is_not_tried_again(error: BaseException) -> None:
    """A cancellation ends it at once; a bug of ours is not hidden behind three tries."""
    calls = []

    async def call() -> Result:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        await ask_again(call, Asked().sleep)
    assert calls == [1]


async def test_two_at_once_do_not_count_each_other() -> None:
    """tenacity's statistics are shared between tasks of one decorator; ours are made for each call."""
    first, second = Asked(NOTHING, NOTHING, status(200)), Asked(NOTHING, status(200))
    jobs: list[Callable[[], Awaitable[Result]]] = [first.call, second.call]
    await asyncio.gather(*(ask_again(job, first.sleep) for job in jobs))
    assert (first.calls, second.calls) == (3, 2)
