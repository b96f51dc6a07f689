"""The books of a plain channel's other side, and what the magic endings do to an order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.magic import Fate, fate
from adapters.plain.words import Kept, KeptState, Placed
from adapters.sandbox.books import BookEntry
from adapters.sandbox.faults import Fault
from gateway.domain.reasons import RejectReason

USUAL_S = 3.0


@dataclass(frozen=True, slots=True)
class Delay:
    """One step in an order's life: what it becomes, when, whether money moves, and how often it is told."""

    after_s: float
    state: KeptState
    pays: bool = True
    told_times: int = 1


_PAID = (Delay(USUAL_S, KeptState.PAID),)

DELAYED: dict[Fate, tuple[Delay, ...]] = {
    Fate.USUAL: _PAID,
    Fate.PAID_AT_ONCE: (),
    Fate.PAID_LATER: _PAID,
    Fate.ACCOUNT_CLOSED: (),
    Fate.DROPPED_AND_PAID: _PAID,
    Fate.DROPPED_UNPAID: _PAID,
    Fate.PAID_THEN_RETURNED: (*_PAID, Delay(USUAL_S, KeptState.RETURNED, pays=False)),
    Fate.NOTIFIED_BADLY: (Delay(USUAL_S, KeptState.PAID, told_times=2),),
    Fate.STORM_OF_500: _PAID,
    Fate.SLOW: _PAID,
    Fate.BALANCE_LOW: (),
    Fate.SUCCESS_THAT_IS_NOT: (Delay(USUAL_S, KeptState.PAID, pays=False),),
    Fate.NEVER_HEARD_OF_AGAIN: (),
}

_AT_ONCE: dict[Fate, tuple[KeptState, RejectReason | None]] = {
    Fate.PAID_AT_ONCE: (KeptState.PAID, None),
    Fate.ACCOUNT_CLOSED: (KeptState.REFUSED, RejectReason.PAYEE_ACCOUNT_CLOSED),
    Fate.BALANCE_LOW: (KeptState.REFUSED, RejectReason.INSUFFICIENT_FUNDS),
}

_LOST: dict[Fate, tuple[Fault, ...]] = {
    Fate.DROPPED_AND_PAID: (Fault.DROP_AFTER,),
    Fate.DROPPED_UNPAID: (Fault.DROP_BEFORE,),
    Fate.STORM_OF_500: (Fault.ERROR_500_BEFORE, Fault.ERROR_500_BEFORE),
}


def lost_transmissions(account: str) -> tuple[Fault, ...]:
    """What happens to the first, the second … transmission of an order to this account."""
    return _LOST.get(fate(account), ())


class Book:
    """One entry for each reference, for ever."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def place(self, placed: Placed) -> tuple[Kept, bool]:
        """The order, and whether it is a new one. The same reference again is the order there was, as it was."""
        known = self._kept.get(placed.reference)
        if known is not None:
            return known, False
        state, reason = _AT_ONCE.get(fate(placed.account), (KeptState.PROCESSING, None))
        number = f"p-{len(self._kept) + 1}"
        kept = Kept(placed, number, state, reason, paid_times=int(state is KeptState.PAID))
        self._kept[placed.reference] = kept
        return kept, True

    def find(self, reference: str) -> Kept | None:
        return self._kept.get(reference)

    def move(self, reference: str, delay: Delay) -> Kept:
        kept = self._kept[reference]
        paid = int(delay.pays and delay.state is KeptState.PAID)
        self._kept[reference] = replace(kept, state=delay.state, paid_times=kept.paid_times + paid)
        return self._kept[reference]

    def fate(self, kept: Kept) -> Fate:
        return fate(kept.placed.account)

    def is_slow(self, kept: Kept) -> bool:
        return self.fate(kept) is Fate.SLOW and kept.state is KeptState.PROCESSING

    def entries(self) -> list[BookEntry]:
        return [_entry(kept) for kept in self._kept.values()]


def _entry(kept: Kept) -> BookEntry:
    placed = kept.placed
    returned = placed.amount.minor if kept.state is KeptState.RETURNED else 0
    return BookEntry(
        placed.reference,
        kept.payout_id,
        placed.amount.minor,
        placed.amount.currency,
        placed.account,
        str(kept.state),
        kept.paid_times,
        returned,
    )
