"""What wakes a loop before its time."""

from __future__ import annotations

import asyncio

from gateway.clock import Clock

LEFT_EVERY_S = 1.0
"""While a loop had to leave something that is due, so often it looks for what else has become due."""


class Bell:
    """Rung when something may have become due; waited for with a longest wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, clock: Clock, longest_s: float) -> None:
        """Come back when rung, or after `longest_s`; a ring while nobody waited is not lost."""
        sleeping = asyncio.ensure_future(clock.sleep(longest_s))
        ringing = asyncio.ensure_future(self._rung.wait())
        try:
            await asyncio.wait({sleeping, ringing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ringing.cancel()
        self._rung.clear()
