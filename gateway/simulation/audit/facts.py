"""What a check is given: one change of one payout, one sighting on the wire, one message to an app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.event import Event
from gateway.domain.money import Money
from gateway.domain.payout import Attempt, Payout
from gateway.simulation.audit.books import Case
from gateway.simulation.audit.deeds import (
    CallbackEnqueued,
    EventAppended,
    EvidenceKept,
    IncidentRaised,
    Inserted,
    Saved,
    Unit,
)
from gateway.store.records import Callback, Evidence, Incident, Lease


@dataclass(slots=True)
class Change:
    """One insertion or one save, with what the same unit said about it."""

    unit: Unit
    case: Case | None
    """As the books have it before; None for an insertion."""
    before: Payout | None
    """What the gateway took to be stored."""
    after: Payout
    due_at: datetime | None
    lease: Lease | None
    evidence: list[Evidence]
    """Kept before the save: what it was decided on."""
    incidents: list[Incident]
    events: list[Event] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def known(self) -> Payout | None:
        """The payout as committed before."""
        return self.case.payout if self.case is not None else None

    def attempts(self) -> Iterator[tuple[Attempt | None, Attempt]]:
        """Attempts that differ, as they were committed and as they are now."""
        known = self.known.attempts if self.known is not None else ()
        for place, now in enumerate(self.after.attempts):
            was = known[place] if place < len(known) else None
            if was is not now and was != now:
                yield was, now

    def moves(self) -> Iterator[tuple[Attempt, Attempt]]:
        """Attempts in another state than before."""
        for was, now in self.attempts():
            if was is not None and was.state is not now.state:
                yield was, now

    def opened(self) -> Iterator[Attempt]:
        """New attempts."""
        for was, now in self.attempts():
            if was is None:
                yield now

    def intents(self) -> Iterator[tuple[Attempt | None, Attempt]]:
        """Attempts that this commit allows to be sent once (more)."""
        for was, now in self.attempts():
            if now.transmissions > (was.transmissions if was is not None else 0):
                yield was, now


def changes(unit: Unit, payout_id: str, cases: Mapping[str, Case]) -> Iterator[Change]:
    """The unit's changes of one payout, in order; `cases` is brought up to date between two of them."""
    evidence: list[Evidence] = []
    incidents: list[Incident] = []
    current: Change | None = None
    for deed in unit.of(payout_id):
        if isinstance(deed, Inserted | Saved):
            if current is not None:
                yield current
            current = _begun(unit, deed, cases.get(payout_id), evidence, incidents)
            evidence, incidents = [], []
        elif isinstance(deed, EvidenceKept):
            evidence.append(deed.evidence)
        elif isinstance(deed, IncidentRaised):
            incidents.append(deed.incident)
        elif current is not None and isinstance(deed, EventAppended):
            current.events.append(deed.event)
        elif current is not None and isinstance(deed, CallbackEnqueued):
            current.callbacks.append(deed.callback)
    if current is not None:
        yield current


def _begun(
    unit: Unit, deed: Inserted | Saved, case: Case | None, evidence: list[Evidence], incidents: list[Incident]
) -> Change:
    if isinstance(deed, Inserted):
        return Change(unit, None, None, deed.payout, deed.payout.created_at, deed.lease, evidence, incidents)
    return Change(unit, case, deed.before, deed.after, deed.due_at, deed.lease, evidence, incidents)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A submit of which at least one byte reached a bank's side."""

    channel: str
    channel_reference: str
    body_digest: bytes
    at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A 2xx for a payout, in the hands of its app."""

    app: str
    reference: str
    payout_id: str
    amount: Money
    account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """A callback in the hands of its app, before it answers."""

    app: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    at: datetime

    @property
    def event_id(self) -> str:
        return next((value for name, value in self.headers.items() if name.lower() == "webhook-id"), "")
