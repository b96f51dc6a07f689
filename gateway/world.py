"""The world as ports: clock, dice, ids, name, network. The real one is made once; tests make their own."""

from __future__ import annotations

import os
import random
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import httpx  # only the type of the network port
import uuid_utils

from gateway.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is not decided by configuration or by what others say."""

    clock: Clock
    random_bytes: Callable[[int], bytes]
    """For keys, nonces and ids: unguessable in the real world, seeded in a simulated one."""
    jitter: Callable[[], float]
    """A number in [0, 1), for spreading retries."""
    new_uuid: Callable[[], UUID]
    """Version 7, so that ids sort by time."""
    node: str
    """Who this process is, in leases and events."""
    transport: httpx.AsyncBaseTransport | None = None
    """Replaces the network under every channel; None is the real one."""


def system_world() -> World:
    """The machine's own."""
    return World(
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        jitter=random.random,
        new_uuid=lambda: UUID(bytes=uuid_utils.uuid7().bytes),
        node=f"{socket.gethostname()}-{os.getpid()}",
    )
