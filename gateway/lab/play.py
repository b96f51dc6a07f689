"""One arm, one seed of a world, one board: orders come, the arm chooses, results come back when they would.

Regret and cost are those expected of each choice at the true rates of its moment, so that the luck of the draw is out
of them; whether an attempt succeeds, and so what the arm learns, is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from gateway.lab.arms.port import FAILED, SUCCEEDED, Arm, Order
from gateway.lab.fees import Account
from gateway.lab.outcome import Outcome, Told, outcome
from gateway.lab.trace import Trace, promises
from gateway.lab.truth import P_MIN
from gateway.lab.world import Board

ATTEMPTS_MAX = 3


@dataclass(slots=True)
class Game:
    """What came of it: sums over all orders, money in minor units."""

    choices: bytearray
    """The channel of each order's first attempt."""
    lost_minor: list[float]
    """What each order's first attempt was expected to cost above the best."""
    regret_orders: float = 0.0
    money_minor: float = 0.0
    fees_minor: int = 0
    paid: int = 0
    attempts: int = 0
    unknown: int = 0
    """Attempts whose outcome nobody knew at first."""
    arrivals_s: list[float] = field(default_factory=list)


class Table:
    """The dealer of one trace to one arm."""

    def __init__(self, trace: Trace, arm: Arm, board: Board, random: Random) -> None:
        self._trace, self._arm, self._board, self._random = trace, arm, board, random
        self._world, self._truth, self._rates = trace.world, trace.truth, trace.truth.p
        self._fails_over = board is Board.GATEWAY
        self._count = len(trace.at_s)
        self._inbox: list[list[Told] | None] = [None] * self._count
        self._afterwards: list[Told] = []
        self._tried: dict[int, tuple[int, ...]] = {}
        self._accounts = [Account(channel) for channel in self._world.channels]
        channels = self._world.channels
        self._everyone = tuple(range(len(channels)))
        self._gated = any(c.opens or (c.balance is not None and c.balance.told) for c in channels)
        self._metered = self._world.metered
        self._order = Order()
        self.game = Game(bytearray(self._count), [0.0] * self._count)

    def play(self) -> Game:
        """All orders; then, with failover, what is still open after the last."""
        trace, order = self._trace, self._order
        rows = trace.costs(self._board)
        for at in range(self._count):
            came = self._inbox[at]
            if came is not None:
                self._hear(came, at)
                self._inbox[at] = None
            now_s = trace.at_s[at]
            if self._metered:
                self._look(at, at, now_s)
            else:
                order.fees, order.costs, order.promised_s = trace.fees[at], rows[at], trace.promised_s[at]
            order.number, order.at_s, order.amount_minor = at, now_s, trace.amounts[at]
            eligible = self._eligible(at, at) if self._gated else self._everyone
            self.game.choices[at] = self._ask_and_send(at, at, now_s, eligible)
        while self._fails_over and self._afterwards:
            self._hear([heappop(self._afterwards)], self._count - 1)
        return self.game

    # What the arm may see -----------------------------------------------------------------------------------------

    def _eligible(self, number: int, at: int) -> tuple[int, ...]:
        """The channels that are there, untried, and not known to lack the money."""
        tried, channels = self._tried.get(number, ()), self._world.channels
        return tuple(
            c for c in self._everyone if c not in tried and at >= channels[c].opens and self._told(c, number, at)
        )

    def _told(self, channel: int, number: int, at: int) -> bool:
        balance = self._world.channels[channel].balance
        return balance is None or not balance.told or self._covers(channel, number, at)

    def _covers(self, channel: int, number: int, at: int) -> bool:
        return self._accounts[channel].covers(self._trace.amounts[number], at)

    def _look(self, number: int, at: int, now_s: float) -> None:
        """Fees and true costs of a moment that the trace does not have ready."""
        fees, costs = [], []
        for channel in self._everyone:
            fees.append(self._fee(channel, number, now_s))
            p = self._p(channel, number, at)
            single = self._truth.cost_minor(p, fees[channel], self._truth.time_s(channel, at, now_s))
            again = (1.0 - p) * self._trace.reorder[number]
            costs.append(single / max(p, P_MIN) if self._fails_over else single + again)
        self._order.fees, self._order.costs, self._order.promised_s = fees, costs, promises(self._world, now_s)

    # The truth of an attempt --------------------------------------------------------------------------------------

    def _fee(self, channel: int, number: int, now_s: float) -> int:
        if not self._metered:
            return self._trace.fees[number][channel]
        return self._accounts[channel].fee_minor(self._trace.amounts[number], now_s)

    def _p(self, channel: int, number: int, at: int) -> float:
        if self._metered and not self._covers(channel, number, at):
            return 0.0
        return self._rates[at][channel]

    def _ask_and_send(self, number: int, at: int, now_s: float, eligible: Sequence[int]) -> int:
        channel = self._arm.choose(self._order, eligible, self._random)
        p = self._p(channel, number, at) if self._metered else self._rates[at][channel]
        if not self._trace.payee_fault[number]:
            self._reckon(number, at, now_s, channel, p, eligible)
        self._send(number, at, now_s, channel, p)
        return channel

    def _reckon(self, number: int, at: int, now_s: float, channel: int, p: float, eligible: Sequence[int]) -> None:
        """What the choice is expected to cost, and what the best one would have."""
        game, costs = self.game, self._order.costs
        cost, least = costs[channel], min(costs)
        if cost > least:
            best = costs.index(least) if eligible is self._everyone else min(eligible, key=costs.__getitem__)
            game.regret_orders += self._p(best, number, at) - p
            if number == at:
                game.lost_minor[at] += cost - costs[best]
        if not self._fails_over:
            game.money_minor += cost
        elif number == at and not self._metered:
            game.money_minor += self._trace.single[at][channel]
        else:
            time_s = self._truth.time_s(channel, at, now_s)
            game.money_minor += self._truth.cost_minor(p, self._fee(channel, number, now_s), time_s)

    def _send(self, number: int, at: int, now_s: float, channel: int, p: float) -> None:
        trace, game = self._trace, self.game
        news, time_s, unknown, heard = self._outcome(number, at, now_s, channel, p)
        game.attempts += 1
        game.unknown += unknown
        if news is SUCCEEDED:
            game.paid += 1
            game.fees_minor += self._fee(channel, number, now_s)
            game.arrivals_s.append(now_s + time_s - trace.at_s[number])
            if self._metered:
                self._accounts[channel].paid(trace.amounts[number], now_s)
        if self._fails_over:
            self._tried[number] = (*self._tried.get(number, ()), channel)
        inbox = self._inbox
        for due, told in heard:
            if due >= self._count:
                heappush(self._afterwards, told)
            elif (box := inbox[due]) is None:
                inbox[due] = [told]
            else:
                box.append(told)

    def _outcome(self, number: int, at: int, now_s: float, channel: int, p: float) -> Outcome:
        """A first attempt in an unmetered world goes the same for every arm: it is worked out once."""
        if number != at or self._metered:
            return outcome(self._trace, number, at, now_s, channel, p)
        known: Outcome | None = self._trace.outcomes.get((at, channel))
        if known is None:
            known = self._trace.outcomes[at, channel] = outcome(self._trace, number, at, now_s, channel, p)
        return known

    # News ---------------------------------------------------------------------------------------------------------

    def _hear(self, came: list[Told], at: int) -> None:
        for heard_s, number, channel, news in came:
            self._arm.learn(channel, news, number, heard_s)
            if news is FAILED and self._fails_over:
                self._fail_over(number, at, heard_s)

    def _fail_over(self, number: int, at: int, now_s: float) -> None:
        """After a definite failure another channel may be tried; an unknown outcome never comes here."""
        eligible = self._eligible(number, at) if len(self._tried[number]) < ATTEMPTS_MAX else ()
        if not eligible:
            self.game.money_minor += self._trace.reorder[number]
            return
        self._look(number, at, now_s)
        order = self._order
        order.number, order.at_s, order.amount_minor = number, now_s, self._trace.amounts[number]
        self._ask_and_send(number, at, now_s, eligible)
