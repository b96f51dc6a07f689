"""What is said in one call, without saying it: a generator that asks for requests to be sent and pauses to be made.

The clients are two small shells round it, one that blocks and one that awaits; so there is one place where it is
decided what is repeated, and it is tested without a network or a clock.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from paymux_client.call import Call, reads
from paymux_client.errors import BadAnswer, NoAnswer, PaymuxError, Refused
from paymux_client.keys import Key
from paymux_client.models import Problem
from paymux_client.reading import Unreadable
from paymux_client.retries import Retries, may_have_stored, retry_after_s, worth_repeating

T = TypeVar("T")

_PROBLEM = reads(Problem)


@dataclass(frozen=True, slots=True)
class World:
    """What a client takes from outside; tests hand in their own."""

    now_s: Callable[[], float] = time.time
    """For signatures: seconds since 1970."""
    monotonic_s: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    """From 0 to 1, for pauses."""
    nonce: Callable[[], str] = field(default=lambda: secrets.token_urlsafe(18))


@dataclass(frozen=True, slots=True)
class Send:
    """Send this once; the answer, or what there was instead of one, is wanted."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait this long."""

    seconds: float


Step = Send | Wait
Heard = httpx.Response | httpx.TransportError | None
Talk = Generator[Step, Heard, T]


def talk(call: Call[T], key: Key | None, prefix: str, retries: Retries, world: World) -> Talk[T]:
    """Carry out `call`. Returns what its answer says.

    Raises:
        PaymuxError: one of its kinds.
    """
    began_s = world.monotonic_s()
    tried, may_be_stored = 0, False
    while True:
        heard = yield _signed(call, key, prefix, world)
        tried += 1
        if isinstance(heard, httpx.Response) and heard.is_success:
            return _read(call, heard)
        failure, again = _failed(call, heard, world.now_s())
        may_be_stored = failure.may_be_stored = failure.may_be_stored or may_be_stored
        wish_s = failure.retry_after_s if isinstance(failure, Refused) else None
        pause_s = retries.pause_s(tried, world.monotonic_s() - began_s, world.random(), wish_s)
        if not again or not call.repeatable or pause_s is None:
            raise failure from (heard if isinstance(heard, Exception) else None)
        yield Wait(pause_s)


def _signed(call: Call[T], key: Key | None, prefix: str, world: World) -> Send:
    """One try: the same bytes as the last, under a new nonce and the present time."""
    target = prefix + call.target
    headers = [("Accept", call.accept), *call.headers]
    if call.body is not None:
        headers.append(("Content-Type", call.content_type))
    if key is not None:
        signed = key.authorization(call.method, target.encode(), int(world.now_s()), world.nonce(), call.body or b"")
        headers.append(("Authorization", signed))
    return Send(call.method, target, tuple(headers), call.body)


def _read(call: Call[T], answer: httpx.Response) -> T:
    try:
        return call.read(answer.content)
    except Unreadable as error:
        raise BadAnswer(str(error), may_be_stored=_changes(call)) from error


def _failed(call: Call[T], heard: Heard, now_s: float) -> tuple[PaymuxError, bool]:
    """What went wrong, and whether another try may mend it."""
    if not isinstance(heard, httpx.Response):
        return NoAnswer(f"{call.method} {call.path}: {heard!r}", may_be_stored=_changes(call)), True
    problem = _problem(heard)
    code = str(problem.code) if problem else None
    refused = Refused(
        heard.status_code,
        problem,
        retry_after_s=retry_after_s(heard.headers.get("Retry-After"), now_s),
        may_be_stored=_changes(call) and may_have_stored(heard.status_code, code),
    )
    return refused, worth_repeating(heard.status_code, code)


def _problem(answer: httpx.Response) -> Problem | None:
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        return None
    try:
        return _PROBLEM(answer.content)
    except Unreadable:
        return None


def _changes(call: Call[T]) -> bool:
    return call.method != "GET"
