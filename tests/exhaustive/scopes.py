"""What is walked and searched: the small worlds of the test suite, and the larger ones of the command."""

from __future__ import annotations

from gateway.domain.outcome import Absence
from gateway.domain.payout import DuplicateMode
from tests.exhaustive.shell import Grounds, a_ground, contracts
from tests.exhaustive.walk import Scope
from tests.exhaustive.world import Bounds

_SAME = (DuplicateMode.SAME_RESOURCE,)
_ANY = tuple(DuplicateMode)

UNLIKE: Grounds = {
    "alpha": [a_ground(DuplicateMode.SAME_RESOURCE)],
    "beta": [a_ground(DuplicateMode.NONE, Absence.AUTHORITATIVE)],
}
"""Two channels that differ in all that the core asks of a contract."""

CHANNELS = Scope(UNLIKE)
PEOPLE = Scope(UNLIKE, rows_max=1, people=True)
MORE_ROWS = Scope(UNLIKE, rows_max=3)

WALKS = {"two channels": CHANNELS, "one channel, and people": PEOPLE, "two channels, three attempts": MORE_ROWS}

SMALL = Bounds(contracts(_SAME, _SAME), under_way_max=1, nodes=1, people=False)
"""One thing under way at a time: exhausted in seconds."""

NARROW = Bounds(contracts(_SAME, _SAME), nodes=1, people=False)
"""Two things under way at a time, so that they overtake each other: exhausted in minutes."""

CONTRACTS = Bounds(contracts(_ANY, _ANY), under_way_max=1, nodes=1, people=False)
"""Any contract on either channel."""

WIDE = Bounds(contracts(_ANY, _ANY), rows_max=3, transmissions_max=3, under_way_max=3)
"""Everything at once: two nodes that trust no lease, people, any contract. It has no end that a machine would reach."""

SEARCHES = {"narrow": NARROW, "contracts": CONTRACTS, "wide": WIDE}
