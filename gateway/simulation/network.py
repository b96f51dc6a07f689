"""The network between nodes and banks: draws what happens to each request, and carries it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from adapters.sandbox.faults import Fault as Ordered
from gateway.simulation.dice import cut_at
from gateway.simulation.direct_bank import SimulatedBank
from gateway.simulation.faults import Fault, Place
from gateway.simulation.messages import CALL, Answered, Asked, Call
from gateway.simulation.town import Mishap, Town
from gateway.simulation.trip import Connect, Fire, Patience, Trip, travel
from gateway.simulation.wechat_bank import SimulatedWechat

BankService = SimulatedWechat | SimulatedBank

BANK_ERRORS = (
    Ordered.ERROR_500_BEFORE,
    Ordered.ERROR_500_AFTER,
    Ordered.BAD_GATEWAY_502,
    Ordered.TOO_MANY_429,
    Ordered.ACCEPTED_202,
)
BANK_DROPS = (Ordered.DROP_BEFORE, Ordered.DROP_AFTER, Ordered.TIMEOUT_BEFORE, Ordered.TIMEOUT_AFTER)
BAD_SIGNATURES = (Ordered.WRONG_KEY, Ordered.STALE_TIMESTAMP, Ordered.NO_SIGNATURE)

_HOUR_S = 3600.0


class Network:
    """Every link between a node and a bank, by both their names."""

    def __init__(self, banks: dict[str, BankService], town: Town, dice: random.Random) -> None:
        """`banks` by host and port, as they stand in the channels' addresses."""
        self._banks = banks
        self._town = town
        self._dice = dice
        self.slow = 1.0
        """How many times longer everything takes."""
        self.stopped: dict[tuple[str, str], Connect] = {}
        """Links that are down, and how it shows: (node, bank)."""
        self._last_answers: dict[str, Answered] = {}

    async def exchange(self, node: str, asked: Asked, fire: Fire, patience: Patience) -> Answered:
        """One request of a node and its answer. Raises httpx.TransportError."""
        bank, call = self._banks[asked.host], CALL.get() or Call("start", "", "", "")
        trip, mishap, strike = self._draw(node, bank, call, asked, patience)
        town, who = self._town, f"{node} -> {bank.name}"
        if strike is not None:
            town.faults.took(strike, who, call.purpose, call.about)
        town.trace.add(who, f"{call.purpose} {call.channel_reference}", call.about)

        async def service(arrived: Asked) -> Answered | None:
            said = await bank.serve(arrived, mishap)
            if said is not None:
                self._last_answers[bank.name] = said
            return said

        try:
            said = await travel(trip, asked, service, fire, patience, town.spawn, partial(self._arrived, call, asked))
        except Exception as error:
            town.trace.add(who, f"{call.purpose}: {type(error).__name__}", call.about)
            raise
        town.trace.add(who, f"{call.purpose}: HTTP {said.status}", call.about)
        return said

    def _arrived(self, call: Call, asked: Asked, whole: bool) -> None:
        if call.purpose == "submit":
            self._town.transmitted(call, asked.body, whole)

    # Drawing ---------------------------------------------------------------------------------------------------------

    def _draw(
        self, node: str, bank: BankService, call: Call, asked: Asked, patience: Patience
    ) -> tuple[Trip, Mishap, Fault | None]:
        """What happens to this request, what the bank does wrong with it, and which fault that is."""
        plain = self._plain()
        down = self.stopped.get((node, bank.name))
        if down is not None:
            return replace(plain, connect=down), Mishap(), Fault.SWIZZLE
        faults = self._town.faults
        if call.purpose == "submit" and faults.draw(Place.SUBMIT) is Fault.REQUEST_LATE:
            return replace(plain, there_s=self._town.later(5.0, 48 * _HOUR_S)), Mishap(), Fault.REQUEST_LATE
        if call.purpose == "query" and faults.draw(Place.QUERY) is Fault.BANK_ABSENT:
            return plain, Mishap(hides=True), None  # counted by the bank, if it had anything to hide
        strike = faults.draw(Place.REQUEST)
        if strike is None:
            slow = Fault.SLOW if self.slow > 1.0 and plain.there_s + plain.back_s > 1.0 else None
            return plain, Mishap(), slow
        return *self._struck(strike, plain, asked, bank), strike

    def _plain(self) -> Trip:
        return Trip(
            there_s=self._dice.uniform(0.005, 0.05) * self.slow, back_s=self._dice.uniform(0.005, 0.05) * self.slow
        )

    def _struck(self, strike: Fault, plain: Trip, asked: Asked, bank: BankService) -> tuple[Trip, Mishap]:
        dice, fine = self._dice, Mishap()
        match strike:
            case Fault.REFUSED:
                return replace(plain, connect=Connect.REFUSED), fine
            case Fault.CONNECT_TIMEOUT:
                return replace(plain, connect=Connect.SILENT), fine
            case Fault.REQUEST_CUT:
                return replace(plain, request_bytes=cut_at(dice, asked.size + 1), answer_bytes=0), fine
            case Fault.REQUEST_LOST:
                return replace(plain, request_bytes=dice.choice((0, cut_at(dice, asked.size))), silent=True), fine
            case Fault.REQUEST_TWICE:
                trip = replace(plain, twice_after_s=self._town.later(0.01, 300.0), second_answers=dice.random() < 0.5)
                return trip, fine
            case Fault.ANSWER_CUT:
                return replace(plain, answer_bytes=dice.randrange(700)), fine
            case Fault.ANSWER_LOST:
                return replace(plain, answer_bytes=0, silent=True), fine
            case Fault.ANSWER_LATE:
                return replace(plain, back_s=dice.uniform(5.0, 39.0), trickles=dice.random() < 0.7), fine
            case Fault.ANSWER_GARBAGE:
                return replace(plain, spoil=partial(_garbled, dice)), fine
            case Fault.ANSWER_FOREIGN:
                return replace(plain, spoil=lambda said: self._last_answers.get(bank.name, said)), fine
            case Fault.BANK_DROPS:
                return plain, Mishap(ordered=dice.choice(BANK_DROPS))
            case Fault.BANK_ERROR:
                return plain, Mishap(ordered=dice.choice(BANK_ERRORS))
            case Fault.BANK_SIGNATURE:
                return plain, Mishap(ordered=dice.choice(BAD_SIGNATURES))
            case _:
                return plain, fine


_PAGE = b"<html><body><h1>It works!</h1></body></html>"


def _garbled(dice: random.Random, said: Answered) -> Answered | None:
    """Something that is not the answer."""
    forms: tuple[Callable[[], Answered | None], ...] = (
        lambda: None,
        lambda: Answered(200, (("Content-Type", "text/html"), ("Content-Length", str(len(_PAGE)))), _PAGE),
        lambda: Answered(said.status, said.headers, dice.randbytes(max(len(said.body), 1))),
        lambda: Answered(said.status, said.headers, said.body[: len(said.body) // 2]),
        lambda: Answered(404, (), b""),
        lambda: Answered(said.status, (), said.body),
    )
    return dice.choice(forms)()
