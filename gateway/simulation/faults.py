"""What may go wrong, as a table: where each kind of fault strikes, and how likely it is there.

A fault is *drawn* where it could strike, and *counted* only when it changed what happened (`took`): a crash of a node
that was down already, or a lost link nobody used, is none.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from gateway.simulation.trace import Trace


class Place(StrEnum):
    """Where a fault can strike, and so when it is drawn."""

    REQUEST = "a request to a channel"
    SUBMIT = "a submit, beside what may happen to any request"
    QUERY = "a question, likewise"
    MOCK = "a call of the channel without a network"
    ORDER = "a bank takes an order in"
    NOTIFICATION = "a notification leaves a bank"
    API = "a request of an app"
    CALLBACK = "a callback leaves a node"
    COMMIT = "a group of units is committed"
    UNIT = "a unit waits for its commit"
    STEP = "a node uses one of its ports"
    ASK = "a payout is asked about for the first time"
    START = "a node starts"
    TICK = "some seconds pass"


class Fault(StrEnum):
    """Every kind of fault."""

    REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    REQUEST_CUT = "request_cut"
    REQUEST_LOST = "request_lost"
    REQUEST_LATE = "request_delayed"
    REQUEST_TWICE = "request_duplicated"
    ANSWER_CUT = "answer_cut"
    ANSWER_LOST = "answer_lost"
    ANSWER_LATE = "answer_delayed"
    ANSWER_GARBAGE = "bank_garbage"
    ANSWER_FOREIGN = "bank_answers_another"
    BANK_DROPS = "bank_drops"
    BANK_ERROR = "bank_error"
    BANK_SIGNATURE = "bank_bad_signature"
    BANK_LATE = "bank_pays_late"
    BANK_ABSENT = "bank_not_found_then_pays"
    BANK_RETURNS = "bank_returns"
    BANK_LIES = "bank_failed_then_pays"
    BANK_FORGETS = "bank_forgets"
    NOTICE_LOST = "notification_lost"
    NOTICE_20 = "notification_20_times"
    NOTICE_LATE = "notification_reordered"
    NOTICE_FORGED = "notification_forged"
    NOTICE_FALSE = "notification_contradicting"
    API_LOST = "api_request_lost"
    API_ANSWER_LOST = "api_answer_lost"
    CALLBACK_LOST = "callback_lost"
    CALLBACK_ANSWER_LOST = "callback_answer_lost"
    ENDPOINT_DEAD = "endpoint_dead"
    DB_ERROR = "db_error"
    COMMIT_KEPT = "commit_unknown_kept"
    COMMIT_GONE = "commit_unknown_gone"
    COMMIT_TORN = "commit_torn"
    DISK_FULL = "disk_full"
    CRASH = "crash"
    POISON = "poison_payout"
    PAUSE = "node_pause"
    LEASE = "lease_expiry"
    CLOCK_STEP = "clock_step"
    CLOCK_SKEW = "clock_skew"
    CLOCK_FREEZE = "clock_freeze"
    RELOAD = "config_reload"
    ROTATION = "key_rotation"
    RESTORE = "restore"
    SLOW = "slow_everything"
    SWIZZLE = "swizzle"


BROKEN = frozenset({Fault.BANK_LIES, Fault.BANK_FORGETS})
"""A bank that does this breaks its own contract; drawn only in worlds that are marked so."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    fault: Fault
    place: Place
    chance: float
    """At each draw at that place."""


_F, _P = Fault, Place

TABLE: tuple[Row, ...] = (
    Row(_F.REFUSED, _P.REQUEST, 0.03),
    Row(_F.CONNECT_TIMEOUT, _P.REQUEST, 0.026),
    Row(_F.REQUEST_CUT, _P.REQUEST, 0.024),
    Row(_F.REQUEST_LOST, _P.REQUEST, 0.027),
    Row(_F.REQUEST_LATE, _P.SUBMIT, 0.065),
    Row(_F.REQUEST_TWICE, _P.REQUEST, 0.028),
    Row(_F.ANSWER_CUT, _P.REQUEST, 0.025),
    Row(_F.ANSWER_LOST, _P.REQUEST, 0.028),
    Row(_F.ANSWER_LATE, _P.REQUEST, 0.026),
    Row(_F.ANSWER_GARBAGE, _P.REQUEST, 0.026),
    Row(_F.ANSWER_FOREIGN, _P.REQUEST, 0.026),
    Row(_F.BANK_DROPS, _P.MOCK, 0.06),
    Row(_F.BANK_DROPS, _P.REQUEST, 0.02),
    Row(_F.BANK_ERROR, _P.REQUEST, 0.025),
    Row(_F.BANK_SIGNATURE, _P.REQUEST, 0.026),
    Row(_F.BANK_ABSENT, _P.QUERY, 0.14),
    Row(_F.BANK_LATE, _P.ORDER, 0.1),
    Row(_F.BANK_RETURNS, _P.ORDER, 0.16),
    Row(_F.BANK_LIES, _P.ORDER, 0.47),
    Row(_F.BANK_FORGETS, _P.ORDER, 0.265),
    Row(_F.NOTICE_LOST, _P.NOTIFICATION, 0.18),
    Row(_F.NOTICE_20, _P.NOTIFICATION, 0.07),
    Row(_F.NOTICE_LATE, _P.NOTIFICATION, 0.15),
    Row(_F.NOTICE_FORGED, _P.NOTIFICATION, 0.18),
    Row(_F.NOTICE_FALSE, _P.NOTIFICATION, 0.16),
    Row(_F.API_LOST, _P.API, 0.09),
    Row(_F.API_ANSWER_LOST, _P.API, 0.1),
    Row(_F.CALLBACK_LOST, _P.CALLBACK, 0.1),
    Row(_F.CALLBACK_ANSWER_LOST, _P.CALLBACK, 0.1),
    Row(_F.ENDPOINT_DEAD, _P.TICK, 0.055),
    Row(_F.DB_ERROR, _P.COMMIT, 0.0047),
    Row(_F.COMMIT_KEPT, _P.COMMIT, 0.0047),
    Row(_F.COMMIT_GONE, _P.COMMIT, 0.0045),
    Row(_F.COMMIT_TORN, _P.COMMIT, 0.0045),
    Row(_F.DISK_FULL, _P.TICK, 0.06),
    Row(_F.CRASH, _P.STEP, 0.0014),
    Row(_F.POISON, _P.ASK, 0.03),
    Row(_F.PAUSE, _P.STEP, 0.0022),
    Row(_F.LEASE, _P.UNIT, 0.0037),
    Row(_F.CLOCK_STEP, _P.TICK, 0.19),
    Row(_F.CLOCK_SKEW, _P.START, 0.4),
    Row(_F.CLOCK_FREEZE, _P.TICK, 0.19),
    Row(_F.RELOAD, _P.TICK, 0.12),
    Row(_F.ROTATION, _P.TICK, 0.19),
    Row(_F.RESTORE, _P.TICK, 0.03),
    Row(_F.SLOW, _P.TICK, 0.05),
    Row(_F.SWIZZLE, _P.TICK, 0.045),
)
"""What is not here is never drawn."""


class Faults:
    """The dice at every place of one world, and the count of what they did."""

    def __init__(self, dice: random.Random, trace: Trace, wanted: Collection[Fault], *, broken_contract: bool) -> None:
        self._dice = dice
        self._trace = trace
        self.broken_contract = broken_contract
        self.on = True
        self.counts: Counter[Fault] = Counter()
        self._at: dict[Place, list[tuple[float, Fault]]] = {
            place: _ladder(place, self._known(wanted)) for place in Place
        }

    def _known(self, wanted: Collection[Fault]) -> Callable[[Fault], bool]:
        return lambda fault: fault in wanted and (self.broken_contract or fault not in BROKEN)

    def draw(self, place: Place) -> Fault | None:
        """The fault that strikes here now, if one does; None once the faults are over."""
        ladder = self._at[place]
        if not self.on or not ladder:
            return None
        drawn = self._dice.random()
        if drawn >= ladder[-1][0]:
            return None
        return next(fault for limit, fault in ladder if drawn < limit)

    def took(self, fault: Fault, who: str, what: str = "", about: str | None = None) -> None:
        """It changed what happened: count it and say so."""
        self.counts[fault] += 1
        self._trace.add(who, f"fault {fault}{': ' if what else ''}{what}", about)


def _ladder(place: Place, known: Callable[[Fault], bool]) -> list[tuple[float, Fault]]:
    """The chances of one place, stacked: the first limit above the draw names the fault."""
    limit, ladder = 0.0, []
    for row in TABLE:
        if row.place is place and known(row.fault):
            limit += row.chance
            ladder.append((limit, row.fault))
    return ladder
