"""The gateway's front door for notifications: whichever node is up takes them in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from urllib.parse import urlsplit

from adapters.channel import RawNotification
from adapters.sandbox.notifier import Outgoing
from gateway.domain.errors import PaymuxError
from gateway.operations.observe import observe
from gateway.simulation.audit import Auditor
from gateway.simulation.node import LineBroken, Node
from gateway.simulation.trace import Trace

ANSWER_WITHIN_S = 5.0


class Door:
    """Carries a notification to a node and its answer back."""

    def __init__(self, nodes: Iterable[Node], auditor: Auditor, dice: random.Random, trace: Trace) -> None:
        self._nodes = tuple(nodes)
        self._auditor = auditor
        self._dice = dice
        self._trace = trace

    async def deliver(self, channel: str, outgoing: Outgoing) -> bool:
        """Post it once; whether it was taken (any 2xx)."""
        await asyncio.sleep(self._dice.uniform(0.005, 0.05))
        up = [node for node in self._nodes if node.services is not None]
        if not up:
            return False
        node = self._dice.choice(up)
        raw = RawNotification("POST", urlsplit(outgoing.url).path, outgoing.headers, outgoing.body, node.clock.now())
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reply = await node.ask(lambda services: observe(services, channel, raw))
        except (LineBroken, TimeoutError, PaymuxError) as error:
            self._trace.add(channel, f"notifies {node.name}: {type(error).__name__}")
            return False
        self._trace.add(channel, f"notifies {node.name}: {reply.status}")
        self._auditor.notification_answered(outgoing.body, reply.status)
        return 200 <= reply.status < 300
