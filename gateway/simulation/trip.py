"""One request's way there and back: what a socket would do when a line is cut, silent, slow or refused.

The classes of the errors and the order of the trace events are those of httpx on a real socket
(tests/simulation/test_network_like_a_socket.py runs both); what may be believed of them is not decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx  # only the errors that a socket under httpx would raise

from gateway.simulation.messages import Answered, Asked, Service

Fire = Callable[[str], Awaitable[None]]
"""Tells the caller's trace what the transport does next."""
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts what happens on the other side, which goes on whatever becomes of the caller."""


class Connect(StrEnum):
    """What becomes of dialling."""

    FINE = "fine"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Trip:
    """What the network does to one request. Byte counts are of the whole message, head included."""

    connect: Connect = Connect.FINE
    there_s: float = 0.01
    back_s: float = 0.01
    request_bytes: int | None = None
    """So many bytes of the request arrive, then the line is dead; None: all of it."""
    answer_bytes: int | None = None
    """Likewise of the answer."""
    silent: bool = False
    """A dead line says nothing (the caller waits for its time-out); otherwise it breaks and both sides notice."""
    twice_after_s: float | None = None
    """The request arrives a second time, so much later."""
    second_answers: bool = False
    """It is the second arrival's answer that comes back."""
    trickles: bool = False
    """The answer comes in drops, none of them late enough for a read time-out."""
    spoil: Callable[[Answered], Answered | None] | None = None
    """What comes back instead of the answer; None: bytes that are no HTTP."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The caller's time-outs, in seconds."""

    connect_s: float
    read_s: float


class Broken(Exception):
    """The other side is gone."""


async def travel(
    trip: Trip,
    asked: Asked,
    service: Service,
    fire: Fire,
    patience: Patience,
    spawn: Spawn,
    arrived: Callable[[bool], None],
) -> Answered:
    """Carry `asked` to `service` and its answer back, as `trip` has it.

    `arrived` is told once, when a byte of the request reached the other side, and whether all of them did.

    Raises:
        httpx.TransportError: as a socket's transport would.
    """
    await _dial(trip, fire, patience)
    await fire("http11.send_request_headers.started")
    await fire("http11.send_request_headers.complete")
    await fire("http11.send_request_body.started")
    await fire("http11.send_request_body.complete")
    await fire("http11.receive_response_headers.started")
    answer: asyncio.Future[Answered | None] = asyncio.get_running_loop().create_future()
    spawn(_other_side(trip, asked, service, answer, arrived))
    return await _listen(trip, answer, fire, patience)


async def _dial(trip: Trip, fire: Fire, patience: Patience) -> None:
    await fire("connection.connect_tcp.started")
    match trip.connect:
        case Connect.REFUSED:
            await asyncio.sleep(trip.there_s)
            await fire("connection.connect_tcp.failed")
            raise httpx.ConnectError("All connection attempts failed")
        case Connect.SILENT:
            await asyncio.sleep(patience.connect_s)
            await fire("connection.connect_tcp.failed")
            raise httpx.ConnectTimeout("")
        case Connect.FINE:
            await fire("connection.connect_tcp.complete")


async def _other_side(
    trip: Trip,
    asked: Asked,
    service: Service,
    answer: asyncio.Future[Answered | None],
    arrived: Callable[[bool], None],
) -> None:
    """What becomes of the request where it arrives. A cut one is never worked on."""
    await asyncio.sleep(trip.there_s)
    whole = trip.request_bytes is None or trip.request_bytes >= asked.size
    if whole or trip.request_bytes:
        arrived(whole)
    if not whole:
        _tell(answer, None)
        return
    first = await service(asked)
    if not trip.second_answers:
        _tell(answer, first)
    if trip.twice_after_s is not None:
        await asyncio.sleep(trip.twice_after_s)
        _tell(answer, await service(asked))


def _tell(answer: asyncio.Future[Answered | None], said: Answered | None) -> None:
    if not answer.done():
        answer.set_result(said)


async def _listen(trip: Trip, answer: asyncio.Future[Answered | None], fire: Fire, patience: Patience) -> Answered:
    """What the caller gets: the answer, or the error of whoever waited too long or was cut off."""
    try:
        async with asyncio.timeout(None if trip.trickles else patience.read_s):
            said = await answer
            if said is not None:
                await asyncio.sleep(trip.back_s)
            return await _read(trip, said, fire)
    except TimeoutError as error:
        raise httpx.ReadTimeout("") from error
    except Broken as error:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from error


async def _read(trip: Trip, said: Answered | None, fire: Fire) -> Answered:
    if said is not None and trip.spoil is not None:
        said = trip.spoil(said)
    cut = trip.answer_bytes is not None and said is not None and trip.answer_bytes < said.size
    if (said is None or cut) and trip.silent:
        await asyncio.get_running_loop().create_future()  # for ever: the read time-out ends it
    if said is None or cut:
        raise Broken
    await fire("http11.receive_response_headers.complete")
    return said
