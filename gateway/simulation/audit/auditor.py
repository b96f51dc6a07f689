"""The auditor: takes in what happens on the far side of every port, and says what does not hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from adapters.sandbox.books import BookEntry
from gateway.domain.beneficiary import personal
from gateway.domain.money import Money
from gateway.simulation.audit import ledger
from gateway.simulation.audit.books import Books, Line, digest
from gateway.simulation.audit.closing import count_late, restore
from gateway.simulation.audit.deeds import Inserted, Saved, Unit, payout_of
from gateway.simulation.audit.facts import Acknowledgement, Change, Sighting, Told, changes
from gateway.simulation.audit.fates import Fates, Look, peek
from gateway.simulation.audit.finding import Check, Violation, When
from gateway.simulation.audit.sums import differences
from gateway.simulation.audit.table import checks_at
from gateway.simulation.audit.taint import taint
from gateway.store.port import Store

_SCAN_EVERY = timedelta(minutes=30)
"""In calm times every payout is looked at again this often, not only those that something happened to."""
_CHECKS: dict[When, tuple[tuple[int, Check], ...]] = {when: checks_at(when) for when in When}


class Auditor:
    """One world's books and what was found. See the package for how it is driven."""

    on_violation: Callable[[Violation], None] = staticmethod(lambda _violation: None)
    """Told of each as it is found: whoever only wants to know whether there is one may stop there."""

    def __init__(self, broken_contract: bool, sandbox_channels: tuple[str, ...], look: Look | None = None) -> None:
        self.books = Books(broken_contract, sandbox_channels)
        self.violations: list[Violation] = []
        self._fates = Fates(self.books, self._take, self._found, look)
        self._changed: dict[str, None] = {}
        self._said: set[tuple[int, str]] = set()
        self._next_scan: datetime | None = None
        self._at: datetime | None = None

    @property
    def counts(self) -> Counter[str]:
        return self.books.counts

    # What apps want and hear -----------------------------------------------------------------------------------------

    def order_wanted(self, app: str, reference: str, amount: Money, account: str) -> None:
        """An app has made up its mind. Only the first content of a reference counts."""
        order = self.books.order(app, reference)
        if order.amount is None:
            order.amount, order.account = amount, account
            taint(self.books, account)

    def acknowledged(self, app: str, reference: str, payout_id: str, amount: Money, account: str) -> None:
        """A 2xx is in the hands of the app."""
        if payout_id not in self.books.cases:
            self._fates.settle()
        self.books.order(app, reference).payout_id = payout_id
        self.books.counts["acknowledged"] += 1
        self._run(When.ACKNOWLEDGED, payout_id, Acknowledgement(app, reference, payout_id, amount, account))

    def callback_received(self, app: str, body: bytes, headers: Mapping[str, str], at: datetime) -> None:
        """A callback is in the hands of the app; it has not answered yet."""
        self._at = at
        told = Told(app, body, headers, at)
        if told.event_id not in self.books.events:
            self._fates.settle()
        for sending in self.books.events.get(told.event_id, ()):
            sending.received += 1
        event = json.loads(body)
        order = self.books.order(app, event["data"]["object"]["reference"])
        order.failed_told = order.failed_told or event["type"] == "payout.failed"
        order.disputed_told = order.disputed_told or event["type"] == "payout.disputed"
        if order.failed_told and order.paid_times:
            ledger.mark_false_failed(self.books, order)
        self._run(When.TOLD, event["data"]["object"]["id"], told)

    # What the banks see and do ---------------------------------------------------------------------------------------

    def transmitted(self, channel: str, channel_reference: str, body: bytes, at: datetime, whole: bool) -> None:
        """At least one byte of one submit reached a bank's side. Once for each submit of the gateway's, however often
        the network delivers it; `body` is what was signed, whole or not."""
        self._at = at
        line = self.books.lines.get(channel_reference)
        if line is None or line.seen >= line.intents:
            self._fates.settle()
            line = self.books.lines.get(channel_reference)
        sighting = Sighting(channel, channel_reference, digest(body), at, whole)
        if line is not None:
            line.seen += 1
        self.books.counts["transmissions"] += 1
        self._run(When.SENT, self._payout_of(line), sighting)

    def bank_moved(self, channel: str, entry: BookEntry, at: datetime) -> None:
        """A bank's book says something new of one order; call it before `check_now` of the same step."""
        self._at = at
        if entry.channel_reference not in self.books.lines:
            self._fates.settle()
        line = self.books.lines.get(entry.channel_reference)
        if line is None:
            self._found(9, None, f"{channel} has {entry.channel_reference} in its book, which no attempt committed has")
            return
        ledger.take_booking(self.books, line, entry, at)
        self._run(When.BOOKED, self._payout_of(line), line)
        self._touch(line)

    def asked(self, channel: str, channel_reference: str) -> None:
        """A question about this id goes to this channel."""
        line = self.books.lines.get(channel_reference)
        if line is not None and line.channel != channel:
            self._found(33, self._payout_of(line), f"{channel} is asked about {channel_reference} of {line.channel}")

    def contract_broken(self, channel_reference: str) -> None:
        """A bank breaks its word on this order: it pays what it called refused, forgets an id, or says paid without
        paying. In a world that names such orders all the others are held to every invariant."""
        self.books.named_broken = True
        line = self.books.lines.get(channel_reference)
        if line is None:
            self._fates.settle()
            line = self.books.lines.get(channel_reference)
        if line is not None:
            line.order.contract_broken = True

    def denied(self, channel_reference: str) -> None:
        """The bank no longer knows this order. If it pays it all the same, no question can find that out: only a
        notification or a statement."""
        self._fates.settle()
        line = self.books.lines.get(channel_reference)
        if line is not None:
            line.denied = True

    def notification_false(self, body: bytes) -> None:
        """A notification with these bytes is forged, or speaks of another amount, account or order than it should."""
        self.books.false_bodies.add(digest(body))

    def notification_answered(self, body: bytes, status: int) -> None:
        """How the gateway answered a genuine notification of an order of ours: 2xx promises that it is stored."""
        if 200 <= status < 300 and digest(body) not in self.books.noted_bodies:
            self._fates.settle()
            if digest(body) not in self.books.noted_bodies:
                self._found(22, None, "a notification was acknowledged and is not stored")

    # What happens to the nodes ---------------------------------------------------------------------------------------

    def node_started(self, node: str, at: datetime) -> None:
        self.books.starts[node] += 1

    def node_crashed(self, node: str, at: datetime) -> None:
        """What it was committing is committed or not; nobody will say."""
        self._fates.crashed(node)

    def restored(self, at: datetime) -> None:
        """The store is an older copy of itself from now on. Units under way are gone."""
        self._at = at
        self.books.counts["restores"] += 1
        self._fates.forget()
        restore(self.books, self._fates.read)

    def faults_over(self, at: datetime) -> None:
        self.books.calm_since = at

    def under_way(self, node: str, channel: str, count: int, cap: int) -> None:
        """How many submits of a node to a channel are under way, and how many may be."""
        if count > cap:
            self._found(45, None, f"{node} has {count} submits under way at {channel}, {cap} are allowed")

    def ids_derive_from(self, identity_key: bytes) -> None:
        """The key that every attempt's id can be worked out with: 19."""
        self.books.identity_key = identity_key

    def taint(self, value: str) -> None:
        """A key, a secret, a name: from now on it may appear nowhere."""
        taint(self.books, value)

    def log_line(self, line: str) -> None:
        self._run(When.LOGGED, None, line)

    # What is committed: called by the watch --------------------------------------------------------------------------

    def opened(self, unit: Unit) -> None:
        """A unit has run and is about to be committed."""
        self._fates.opened(unit)

    def committed(self, unit: Unit) -> None:
        self._fates.committed(unit)

    def undone(self, unit: Unit) -> None:
        self._fates.undone(unit)

    def unknown(self, unit: Unit) -> None:
        """Committed or not: the store will tell."""
        self._fates.unknown(unit)

    def look_with(self, look: Look) -> None:
        """How to read the store as it is, now, without a fault and without yielding."""
        self._fates.look_with(look)

    # Looking ---------------------------------------------------------------------------------------------------------

    def check_now(self, at: datetime) -> None:
        """A step is over: look at what it touched."""
        self._at = self.books.now = at
        self._fates.settle()
        if self._scan_due(at):
            self._changed.update(dict.fromkeys(self.books.cases))
        changed, self._changed = self._changed, {}
        for payout_id in changed:
            case = self.books.cases.get(payout_id)
            if case is not None:
                if case.let_go:
                    case.free_since, case.let_go = at, False
                self._run(When.STEP, payout_id, case)

    def _scan_due(self, at: datetime) -> bool:
        if self.books.calm_since is None or (self._next_scan is not None and at < self._next_scan):
            return False
        self._next_scan = at + _SCAN_EVERY
        return True

    def finish(self, store: Store, at: datetime) -> None:
        """Everything is over: compare all books with all others."""
        self.look_with(lambda query: peek(store, query))
        self._next_scan = None
        self.check_now(at)
        for case in self.books.cases.values():
            self._run(When.END, case.payout.id, case, at)
        for order in self.books.orders.values():
            self._run(When.END_ORDER, self.books.by_order.get(order.key), order, at)
        for number, payout_id, what in self._fates.read(lambda tx: list(differences(self.books, tx))):
            self._found(number, payout_id, what)
        count_late(self.books, at)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _take(self, unit: Unit) -> None:
        """A unit is known to be committed."""
        self._run(When.UNIT, None, unit)
        for payout_id in dict.fromkeys(payout_of(deed) for deed in unit.deeds if isinstance(deed, Inserted | Saved)):
            assert payout_id is not None  # noqa: S101 - whoever is inserted or saved has an id
            for change in changes(unit, payout_id, self.books.cases):
                self._take_change(payout_id, change)
        ledger.take_rest(self.books, unit)

    def _take_change(self, payout_id: str, change: Change) -> None:
        self._run(When.CHANGE, payout_id, change)
        if change.before is None:
            for value in personal(change.after.beneficiary):
                taint(self.books, value)
        ledger.take_change(self.books, change)
        self._changed[payout_id] = None

    def _run(self, when: When, payout_id: str | None, *facts: object) -> None:
        for number, check in _CHECKS[when]:
            what = check(self.books, *facts)
            if what is not None:
                self._found(number, payout_id, what)

    def _found(self, number: int, payout_id: str | None, what: str) -> None:
        """Once for each invariant and payout: the first sight of it is the one to look at."""
        key = (number, payout_id or what)
        if key not in self._said:
            self._said.add(key)
            at = self._at or self.books.now
            assert at is not None  # noqa: S101 - something happened at some time
            self.violations.append(Violation(number, at, payout_id, what))
            type(self).on_violation(self.violations[-1])

    def _payout_of(self, line: Line | None) -> str | None:
        return self.books.by_order.get(line.order.key) if line is not None else None

    def _touch(self, line: Line) -> None:
        payout_id = self._payout_of(line)
        if payout_id is not None:
            self._changed[payout_id] = None
