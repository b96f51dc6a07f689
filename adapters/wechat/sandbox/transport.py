"""What an order's openid or amount does to its first transmissions: drops, errors, slowness, an empty account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from adapters.magic import Fate, fate
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault
from adapters.wechat.sandbox.intake import Fields
from adapters.wechat.sandbox.options import WechatSandboxOptions
from adapters.wechat.sandbox.refusal import Refuse

_FIRST_TRANSMISSIONS: Mapping[Fate, tuple[int, Fault]] = {
    Fate.DROPPED_AND_PAID: (1, Fault.DROP_AFTER),
    Fate.DROPPED_UNPAID: (1, Fault.DROP_BEFORE),
    Fate.STORM_OF_500: (2, Fault.ERROR_500_BEFORE),
}
"""The first so many transmissions of such an order meet this fault."""

_SHORT_FOR = 2
"""Ending 0010: so many transmissions are refused for want of money, then somebody has topped up."""

_BY_AMOUNT: Mapping[int, Fault] = {77: Fault.TIMEOUT_AFTER, 78: Fault.ERROR_500_AFTER, 79: Fault.TOO_MANY_429}
"""What the last two digits of an amount do to an order's first transmission, with `amount_magic`."""


class Transport:
    """Counts the transmissions of every order, and plays its fate on the first ones."""

    def __init__(self, options: WechatSandboxOptions, clock: SandboxClock) -> None:
        self._options = options
        self._clock = clock
        self._transmissions: Counter[str] = Counter()

    async def fault(self, create: Fields | None) -> Fault | None:
        """Count this transmission (None: not a create); the fault it meets. Ending 0009 makes it wait first."""
        if create is None:
            return None
        number, chosen = str(create["out_bill_no"]), fate(str(create["openid"]))
        self._transmissions[number] += 1
        if chosen is Fate.SLOW:
            await self._clock.sleep(self._options.slow_s)
        count, fault = self._first_ones(chosen, int(str(create["transfer_amount"])))
        return fault if self._transmissions[number] <= count else None

    def _first_ones(self, chosen: Fate, fen: int) -> tuple[int, Fault | None]:
        if chosen in _FIRST_TRANSMISSIONS:
            return _FIRST_TRANSMISSIONS[chosen]
        return (1, _BY_AMOUNT.get(fen % 100)) if self._options.amount_magic else (0, None)

    def check_funds(self, number: str, openid: str) -> None:
        """Raises `Refuse` (NOT_ENOUGH) while an order of ending 0010 waits for its top-up."""
        if fate(openid) is Fate.BALANCE_LOW and self._transmissions[number] <= _SHORT_FOR:
            raise Refuse("NOT_ENOUGH", "the operating account is short")
