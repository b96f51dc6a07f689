"""tenacity, for questions only: the one retry policy, and the one place that imports it for channels.

It may wrap a query or a certificate download, which are safe to repeat, at most three tries inside one step.
Never a submit: a house test fails when it does (tests/house/test_no_retried_submit.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

from adapters.http import HttpAnswer, NoAnswer

TRIES = 3


def _is_passing(result: HttpAnswer | NoAnswer) -> bool:
    """No answer at all, or one that says "later": another try may do better."""
    return isinstance(result, NoAnswer) or result.status in (500, 502, 503, 504)


async def ask_again(
    call: Callable[[], Awaitable[HttpAnswer | NoAnswer]],
    sleep: Callable[[float], Awaitable[None]],
) -> HttpAnswer | NoAnswer:
    """Make the call up to three times while it gives no usable answer; the last result, whatever it is."""
    retrying = AsyncRetrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.05, max=0.5),
        retry=retry_if_result(_is_passing),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        sleep=sleep,
    )

    async def once() -> HttpAnswer | NoAnswer:
        # tenacity awaits coroutine functions only; a lambda that returns an awaitable would come back unawaited.
        return await call()

    result: HttpAnswer | NoAnswer = await retrying(once)
    return result
