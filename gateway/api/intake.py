"""Who is let in when there are many: quotas of keys, places for each kind of work, and the wait for the disk.

Asked before a body is read and before any signature is looked at, with the key that the head claims; asked again with
the body, where a place is taken. Nothing is counted for a key before it is proved: a forged head takes neither quota
nor place from anybody, because between taking a place and failing the proof nobody else runs.

Whoever is turned away waits a little for the answer: a client that asks again at once would otherwise be answered at
once, and the answers alone would eat the core (docs/operations.md, "Overload").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import structlog

from gateway.admission.commit_wait import NO_PRESSURE, Pressure
from gateway.admission.fair import FairPlaces
from gateway.admission.limits import QUEUE_SHARE, IntakeLimits, Load
from gateway.admission.occupancy import Seen
from gateway.admission.room import Room
from gateway.api.keys import KeyRecord
from gateway.api.problems import Code, Refused
from gateway.api.quotas import Headers, Quota, retry_after
from gateway.clock import Clock

_log = structlog.get_logger("api")

LOG_EVERY_S = 10.0
LATELY_S = 1.0
ROOM_SHARE = 4
"""Orders stay inside for this part of the longest wait on average, so that the slowest of them keep to it too."""
LARGE_SHARE = 2
"""Large bodies that may be on their way in, for each that may be worked on: whose they are is not proved yet."""
TURNED_AWAY = frozenset({Code.OVERLOADED, Code.QUOTA_EXCEEDED})
"""Answers that have no line each in the log: one line in ten seconds counts them."""
QUOTA = "quota"
"""What a refusal is counted as that is the key's own doing."""

Pressed = Callable[[], Pressure]
HangUp = Callable[[], object]


class Intake:
    """Counts what is inside. Outlives every reload; the limits in force come with each question."""

    def __init__(self, clock: Clock, pressure: Pressed = lambda: NO_PRESSURE) -> None:
        self._clock = clock
        self._pressure = pressure
        self._inside = {load: FairPlaces(clock.monotonic) for load in Load}
        self._room = Room(clock.monotonic)
        self.large = 0
        """Bodies beyond the usual size that are here, or on their way in."""
        self._quotas: dict[str, Quota] = {}
        self._paused = 0
        self._turned_away: Counter[str] = Counter()
        self._logged: Counter[str] = Counter()
        self._log_at_s = clock.monotonic()
        self._refused_s = self._crowded_s = -LATELY_S
        """When anybody was refused last, and when for want of a place for an order."""

    # How it stands, for whoever shows it -----------------------------------------------------------------------------

    @property
    def inside(self) -> Mapping[str, int]:
        """Requests being served, by kind of work."""
        return {str(load): inside.total for load, inside in self._inside.items()}

    @property
    def paused(self) -> int:
        """Refusals that are being held back."""
        return self._paused

    @property
    def turned_away(self) -> Mapping[str, int]:
        """How many since the start, by kind of work; `quota` for keys that were over theirs."""
        return dict(self._turned_away)

    @property
    def pressure(self) -> Pressure:
        """The commit queue."""
        return self._pressure()

    def room(self, limits: IntakeLimits) -> int:
        """How many orders may be inside now: fewer than configured while they would stay too long."""
        return self._room.size(limits.orders, limits.commit_wait_s / ROOM_SHARE)

    # Coming in -------------------------------------------------------------------------------------------------------

    def visit(self, load: Load, limits: IntakeLimits, key: KeyRecord | None, hang_up: HangUp) -> Visit:
        """One request that needs a key. `key` is the one it claims; `hang_up` ends its connection unanswered."""
        return Visit(self, load, limits, key, hang_up)

    def notification(self, channel: str, places: int, limits: IntakeLimits) -> Place:
        """A place for a channel's notification. Raises `Refused`: it comes again, and polling covers it."""
        full = self._pressure().queued >= limits.commit_queue * QUEUE_SHARE[Load.NOTIFICATIONS]
        if full or not self._inside[Load.NOTIFICATIONS].fits(channel, places):
            self._count(Load.NOTIFICATIONS)
            raise Refused(Code.UNAVAILABLE)
        return self.place(Load.NOTIFICATIONS, channel)

    def crowded(self, load: Load, app: str, limits: IntakeLimits, ahead: int = 0) -> Refused | None:
        """What one more of the app is told now; None when there is a place for it."""
        pressure = self._pressure()
        places = (self.room(limits) if load is Load.ORDERS else _places(load, limits)) - ahead
        slow = load is Load.ORDERS and pressure.wait_s > limits.commit_wait_s
        full = pressure.queued >= limits.commit_queue * QUEUE_SHARE[load]
        if not slow and not full and self._inside[load].fits(app, places, limits.weight_of):
            return None
        return Refused(Code.OVERLOADED, headers=(retry_after(pressure.wait_s),))

    def quota(self, key: KeyRecord, limits: IntakeLimits) -> Quota:
        """What the key has used, by the limits in force."""
        own, quota = limits.of(key.app), self._quotas.get(key.id)
        if quota is None:
            quota = self._quotas[key.id] = Quota(own, self._clock.monotonic)
        quota.change(own)
        return quota

    def place(self, load: Load, who: str) -> Place:
        """Take one; the caller has looked."""
        if load is not Load.ORDERS:
            return Place(self._inside[load], who)
        self._room.people.entered()
        return Place(self._inside[load], who, self._room.people.left)

    def refusal(self, load: Load, limits: IntakeLimits, key: KeyRecord | None, ahead: int = 0) -> Refused | None:
        """What one more request of the key that it claims is told now, behind `ahead` who are on their way to a place;
        None when it may come in."""
        over = None if key is None else self.quota(key, limits).refused
        return over or self.crowded(load, "" if key is None else key.app, limits, ahead)

    @property
    def refused_lately(self) -> bool:
        """Whether anybody was turned away within the last second, for whatever reason."""
        return self._clock.monotonic() - self._refused_s < LATELY_S

    @property
    def crowded_lately(self) -> bool:
        """Whether there was no place for an order within the last second. A key that is over its own quota, or a reader
        that finds no place, takes nothing from anybody's payouts."""
        return self._clock.monotonic() - self._crowded_s < LATELY_S

    @property
    def orders(self) -> Seen:
        """Who came for an order, and how long they stayed."""
        return self._room.people.seen()

    async def turn_away(self, load: Load, refused: Refused, limits: IntakeLimits, hang_up: HangUp) -> None:
        """Hold the answer back for a while, then raise it; where too many are held back already, hang up."""
        if not self.hold_back(load, refused, limits):
            hang_up()
            raise refused
        try:
            await self._clock.sleep(limits.pause_s)
        finally:
            self.let_go()
        raise refused

    def hold_back(self, load: Load, refused: Refused, limits: IntakeLimits) -> bool:
        """Count a refusal; whether its answer is to be held back, and then `let_go`, or there is no room for it."""
        self._count(QUOTA if refused.code is Code.QUOTA_EXCEEDED else load)
        self._refused_s = self._clock.monotonic()
        if load is Load.ORDERS and refused.code is Code.OVERLOADED:
            self._crowded_s = self._refused_s
            self._room.turned_away()
        if self._paused >= limits.paused:
            return False
        self._paused += 1
        return True

    def let_go(self) -> None:
        """A refusal that was held back has been told."""
        self._paused -= 1

    def _count(self, what: str) -> None:
        self._turned_away[str(what)] += 1
        now_s = self._clock.monotonic()
        if now_s >= self._log_at_s:
            self._log_at_s = now_s + LOG_EVERY_S
            pressure, since = self._pressure(), dict(self._turned_away - self._logged)
            wait_s = round(pressure.wait_s, 3)
            _log.warning("api.turned_away", since=since, commit_queue=pressure.queued, commit_wait_s=wait_s)
            self._logged = self._turned_away.copy()


def _places(load: Load, limits: IntakeLimits) -> int:
    own = {Load.STREAMS: limits.streams, Load.BATCHES: limits.batches}
    return own.get(load, limits.reads)


class Place:
    """A place that is taken; as a context, given back at its end."""

    __slots__ = ("_inside", "_left", "_who")

    def __init__(self, inside: FairPlaces, who: str, left: Callable[[], object] | None = None) -> None:
        self._inside, self._who, self._left = inside, who, left
        inside.enter(who)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        self._inside.leave(self._who)
        if self._left is not None:
            self._left()


class Visit:
    """One signed request on its way through; as a context, it gives back what it took."""

    __slots__ = ("_hang_up", "_intake", "_key", "_large", "_limits", "_load", "_place", "_quota")

    def __init__(
        self, intake: Intake, load: Load, limits: IntakeLimits, key: KeyRecord | None, hang_up: HangUp
    ) -> None:
        self._intake, self._load, self._limits, self._key, self._hang_up = intake, load, limits, key, hang_up
        self._quota = None if key is None else intake.quota(key, limits)
        self._place: Place | None = None
        self._large = False

    def grow(self) -> None:
        """Its body is a large one: there may be only so many, proved or not. Raises `Refused`: overloaded."""
        if self._large:
            return
        if self._intake.large >= LARGE_SHARE * self._limits.batches:
            detail = "as many large bodies as may are being taken in"
            raise Refused(Code.OVERLOADED, detail, headers=(retry_after(self._intake.pressure.wait_s),))
        self._intake.large += 1
        self._large = True

    async def look(self) -> None:
        """Before the body. Raises `Refused`: quota_exceeded or overloaded."""
        refused = self._intake.refusal(self._load, self._limits, self._key)
        if refused is not None:
            await self._intake.turn_away(self._load, refused, self._limits, self._hang_up)

    async def enter(self) -> None:
        """With the body here: look again, and take the place. Raises `Refused`."""
        await self.look()
        self._place = self._intake.place(self._load, self._app)
        if self._quota is not None:
            self._quota.in_flight += 1

    def proved(self) -> None:
        """The key is the one it claimed: the request counts."""
        if self._quota is not None:
            self._quota.use()

    def disproved(self) -> None:
        """It was somebody else, with words of the key's: the request does not count."""
        if self._quota is not None:
            self._quota.give_back()

    @property
    def headers(self) -> Headers:
        """What the key has left."""
        return () if self._quota is None else self._quota.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._large:
            self._intake.large -= 1
        if self._place is None:
            return
        self._place.leave()
        if self._quota is not None:
            self._quota.in_flight -= 1

    @property
    def _app(self) -> str:
        return "" if self._key is None else self._key.app
