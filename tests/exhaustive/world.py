"""The whole world of one payout: the stored payout, two nodes, a bank per attempt, and everything that is under way.

The nodes trust no lease (R9): both may work on the payout at any time, a node may stop between any two of its acts and
go on as late as it likes. All that keeps them apart is the store, which takes a decision only on the version it was
made on. What was heard is folded into whatever is stored by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.domain import review, steps
from gateway.domain.outcome import Heard
from gateway.domain.payout import AttemptState, DuplicateMode
from tests.exhaustive import lane as lanes
from tests.exhaustive import shell
from tests.exhaustive.lane import Book, Delivery, Lane, Say
from tests.exhaustive.table import Commit, Table
from tests.exhaustive.truth import LAWS, wrong_status

World = tuple[int, ...]
"""The payout's number, what the two nodes are at, and a lane for each attempt. All of it numbers: a world is small."""

Change = tuple[str, int, World]
"""What happens, which attempt it is about (0: none in particular), and the world after it."""

NOWHERE = 0
"""The lane of an attempt that was never opened."""
IDLE = 0
"""A node that has nothing in mind."""


class Decided(NamedTuple):
    """A node has decided this of the payout it read and has not committed it yet."""

    step: steps.Step
    read: int
    """The payout it read, where the store takes stale decisions; else 0, for a stale decision is none."""


class Hears(NamedTuple):
    """A node has been answered this and has not folded it in yet."""

    number: int
    heard: Heard
    say: Say
    transmission_no: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large the world may get."""

    grounds: shell.Grounds
    rows_max: int = 2
    transmissions_max: int = 2
    under_way_max: int = 2
    """Things under way at once, over all attempts: transmissions, answers, notifications, cancels."""
    nodes: int = 2
    people: bool = True
    """Whether two people may lift, release and resolve."""
    checks_version: bool = True
    """False only to show what happens to a store that does not."""


@dataclass(slots=True)
class _Lanes:
    """Lanes by number, and what was worked out about each. Lane 0 is the one of an attempt never opened."""

    known: list[Lane] = field(default_factory=lambda: [lanes.opened(DuplicateMode.NONE, 0)])
    numbers: dict[Lane, int] = field(default_factory=dict)
    loads: list[int] = field(default_factory=lambda: [0])
    moves: dict[int, tuple[tuple[str, int, int], ...]] = field(default_factory=dict)
    """What happens, the lane after it, and how much more is under way then."""
    deliveries: dict[int, tuple[tuple[Delivery, int], ...]] = field(default_factory=dict)
    forgotten: dict[int, int | None] = field(default_factory=dict)

    def number(self, lane: Lane) -> int:
        number = self.numbers.setdefault(lane, len(self.known))
        if number == len(self.known):
            self.known.append(lane)
            self.loads.append(lane.load)
        return number

    def moves_of(self, number: int) -> tuple[tuple[str, int, int], ...]:
        if number not in self.moves:
            moved = [(what, self.number(to), to.load) for what, to in lanes.moves(self.known[number])]
            self.moves[number] = tuple((what, to, load - self.loads[number]) for what, to, load in moved)
        return self.moves[number]

    def deliveries_of(self, number: int) -> tuple[tuple[Delivery, int], ...]:
        if number not in self.deliveries:
            made = lanes.deliveries(self.known[number])
            self.deliveries[number] = tuple((each, self.number(each.lane)) for each in made)
        return self.deliveries[number]

    def forgotten_of(self, number: int) -> int | None:
        if number not in self.forgotten:
            lane = lanes.forgotten(self.known[number])
            self.forgotten[number] = None if lane is None else self.number(lane)
        return self.forgotten[number]


@dataclass(slots=True)
class Model:
    """The worlds within some bounds: where they start, what can come of each, and what is wrong with it.

    Millions of worlds are asked for what comes next, so what depends on less than the world is worked out once.
    """

    bounds: Bounds
    table: Table = field(init=False)
    _lanes: _Lanes = field(default_factory=_Lanes)
    _minds: list[Decided | Hears | None] = field(default_factory=lambda: [None])
    _mind_numbers: dict[Decided | Hears, int] = field(default_factory=dict)
    _bound: list[bool] = field(default_factory=lambda: [False])
    """By mind: whether it is a decision, and so bound to the version it was made on."""
    _told: dict[tuple[int, int], int] = field(default_factory=dict)
    _late: dict[tuple[int, int], list[tuple[str, int, int]]] = field(default_factory=dict)
    _laws: dict[tuple[AttemptState, int], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bounds = self.bounds
        self.table = Table(bounds.grounds, bounds.rows_max, bounds.transmissions_max)

    @property
    def start(self) -> World:
        """Just accepted."""
        return (0, IDLE, IDLE, *[NOWHERE] * self.bounds.rows_max)

    def changes(self, world: World) -> list[Change]:
        """Everything that can happen next."""
        found: list[Change] = [(what, 0, (older, *world[1:])) for what, older in self.table.jumps(world[0])]
        room = self.bounds.under_way_max - self._load(world)
        for row, lane in enumerate(world[3:]):
            if lane != NOWHERE:
                found += self._lives_on(world, row, lane, room)
                found += self._arrives(world, row, lane)
        if world[3 - self.bounds.nodes] == IDLE:  # the idle one comes first
            found += self._taken_up(world)
        for node in (1, 2) if world[1] != world[2] else (1,):
            if world[node] != IDLE:
                found += self._acted(world, node, room)
        found += self._by_people(world)
        return found

    # Outside the gateway ----------------------------------------------------------------------------------------------

    def _lives_on(self, world: World, row: int, lane: int, room: int) -> Iterator[Change]:
        """The bank and the network do something that we do not learn of."""
        for what, after, more in self._lanes.moves_of(lane):
            if more <= room:
                yield what, row + 1, _with_lane(world, row, after)
        if self.table.facts[world[0]].window_over[row]:
            forgotten = self._lanes.forgotten_of(lane)
            if forgotten is not None and not self._about_to_repeat(world):
                yield "the bank forgets the id", row + 1, _with_lane(world, row, forgotten)

    def _arrives(self, world: World, row: int, lane: int) -> Iterator[Change]:
        """A late answer or a notification reaches us: folded at once, under no lease."""
        late = self._late.get((lane, row))
        if late is None:
            late = self._late[lane, row] = [
                (one.text, self._mind(Hears(row + 1, one.heard, one.say, one.transmission_no)), after)
                for one, after in self._lanes.deliveries_of(lane)
            ]
        for what, hears, after in late:
            yield what, row + 1, self._hearing(_with_lane(world, row, after), hears)

    # The nodes --------------------------------------------------------------------------------------------------------

    def _taken_up(self, world: World) -> Iterator[Change]:
        """A node that has nothing in mind loads the payout and asks what is next."""
        payout = world[0]
        step = self.table.step(payout)
        match step:
            case steps.Wait():
                pass
            case steps.Interrupted(number):
                sent = self.table.facts[payout].transmissions[number - 1]
                hears = self._mind(Hears(number, Heard.SUBMIT, Say.NO_ANSWER, sent))
                yield "a node finds a send that nobody waits for", number, _with_mind(world, 1, hears)
            case steps.Query(number):
                yield from self._queried(world, number)
            case _:
                decided = self._mind(Decided(step, IDLE if self.bounds.checks_version else payout))
                yield f"a node decides {step}", 0, _with_mind(world, 1, decided)
                if isinstance(step, steps.Repeat):  # not admitted: it asks instead
                    yield from self._queried(world, step.number)

    def _queried(self, world: World, number: int) -> Iterator[Change]:
        """The channel is asked, and answers or not; the answer is on its way to the node."""
        for say in lanes.asked(self._lanes.known[world[2 + number]]):
            hears = self._mind(Hears(number, Heard.QUERY, say, 0))
            yield f"a query is answered '{say.name}'", number, _with_mind(world, 1, hears)
        unclear = self._mind(Hears(number, Heard.QUERY, Say.NO_ANSWER, 0))
        yield "a query is not answered", number, self._hearing(world, unclear)

    def _acted(self, world: World, node: int, room: int) -> Iterator[Change]:
        """A node does what it has in mind, or dies, or gives up."""
        mind, free = self._minds[world[node]], _with_mind(world, node, IDLE)
        yield "a node dies, or its call is given up", 0, free
        if isinstance(mind, Hears):
            yield f"a node folds '{mind.say.name}'", mind.number, self._hearing(free, world[node])
        if isinstance(mind, Decided):
            base = world[0] if self.bounds.checks_version else mind.read
            for commit in self.table.commits(base, mind.step):
                if room or not commit.number:
                    yield commit.text, commit.number, self._committed(free, commit)

    def _committed(self, world: World, commit: Commit) -> World:
        """The decision is durable, and what has to leave is in the node's hands."""
        saved = self._saved(world, commit.after)
        if not commit.number:
            return saved
        row = commit.number - 1
        lane = self._lanes.known[world[3 + row]]
        if world[3 + row] == NOWHERE:
            mode = self.table.facts[commit.after].modes[row]
            lane = lanes.opened(mode, self.bounds.transmissions_max)
        sent = 1 << (commit.transmission_no - 1) if commit.transmission_no else 0
        lane = lane._replace(in_hand=lane.in_hand | sent, undo=lane.undo or not sent)
        return _with_lane(saved, row, self._lanes.number(lane))

    # People -----------------------------------------------------------------------------------------------------------

    def _by_people(self, world: World) -> Iterator[Change]:
        """The app takes its order back; two people decide, on evidence that is true."""
        wished = self.table.wish(world[0])
        if wished is not None:
            yield "the app wants it canceled", 0, self._saved(world, wished)
        for kind, after in self.table.reviews(world[0]) if self.bounds.people else ():
            if self._is_true(world, kind):
                yield f"two people: {kind}", 0, self._saved(world, after)

    def _is_true(self, world: World, kind: review.RequestKind) -> bool:
        """Whether the evidence for it can be had: a payment in a statement, or the certainty that none will come."""
        opened = [self._lanes.known[lane] for lane in world[3:] if lane != NOWHERE]
        if kind is review.RequestKind.RESOLVE_PAID:
            return any(lane.payments for lane in opened)
        if kind is review.RequestKind.RESOLVE_NOT_PAID:
            idle = all(not lane.in_hand and not lane.on_wire and lane.book is not Book.PENDING for lane in opened)
            return idle and not any(lane.payments for lane in opened)
        return True

    # What is wrong ----------------------------------------------------------------------------------------------------

    def wrong(self, world: World) -> str | None:
        """The first invariant that does not hold (reliability section 3), or None."""
        payout, known = world[0], self._lanes.known
        if self.table.broken[payout]:
            return self.table.broken[payout][0]
        facts, paid, back = self.table.facts[payout], 0, False
        for row, number in enumerate(world[3:]):
            if number == NOWHERE:
                continue
            if row >= len(facts.states):
                return f"attempt {row + 1}: something left for an intent that the store has lost (I9)"
            lane = known[number]
            paid += lane.payments
            back = back or lane.came_back
            law = self._law(facts.states[row], number)
            if law is not None:
                return f"attempt {row + 1}: {law}"
        if paid > 1:
            return "the banks paid more than once (I2)"
        return wrong_status(facts.status, paid, back)

    def _law(self, state: AttemptState, number: int) -> str | None:
        if (state, number) not in self._laws:
            self._laws[state, number] = LAWS[state](self._lanes.known[number])
        return self._laws[state, number]

    def describe(self, world: World) -> str:
        """For people."""
        payout = self.table.payouts[world[0]]
        minds = [self._minds[mind] for mind in world[1:3] if mind != IDLE]
        shown = [self._lanes.known[lane] for lane in world[3:] if lane != NOWHERE]
        states = [f"{attempt.channel} {attempt.state} x{attempt.transmissions}" for attempt in payout.attempts]
        return f"{self.table.facts[world[0]].status}; attempts {states}; nodes {minds}; outside {shown}"

    # Small things -----------------------------------------------------------------------------------------------------

    def _hearing(self, world: World, hears: int) -> World:
        """What was heard is folded into the payout as it is stored by now."""
        after = self._told.get((world[0], hears))
        if after is None:
            mind = self._minds[hears]
            assert isinstance(mind, Hears)
            after = self.table.told(world[0], mind.number, mind.heard, mind.say, mind.transmission_no)
            self._told[world[0], hears] = after
        return self._saved(world, after)

    def _saved(self, world: World, payout: int) -> World:
        """A save raises the version: whatever was decided on the old one will find nothing to change."""
        if world[2] == IDLE or not self.bounds.checks_version:
            return (payout, *world[1:])
        one, other = (IDLE if self._bound[mind] else mind for mind in world[1:3])
        return (payout, min(one, other), max(one, other), *world[3:])

    def _mind(self, mind: Decided | Hears) -> int:
        number = self._mind_numbers.setdefault(mind, len(self._minds))
        if number == len(self._minds):
            self._minds.append(mind)
            self._bound.append(isinstance(mind, Decided))
        return number

    def _about_to_repeat(self, world: World) -> bool:
        """The time from a decision to its arrival is what the window is cut by."""
        minds = [self._minds[mind] for mind in world[1:3]]
        return any(isinstance(mind, Decided) and isinstance(mind.step, steps.Repeat) for mind in minds)

    def _load(self, world: World) -> int:
        loads = self._lanes.loads
        return sum([loads[lane] for lane in world[3:]])


def _with_lane(world: World, row: int, lane: int) -> World:
    return (*world[: 3 + row], lane, *world[4 + row :])


def _with_mind(world: World, node: int, mind: int) -> World:
    """The two nodes are alike: which is which is forgotten."""
    other = world[3 - node]
    return (world[0], min(mind, other), max(mind, other), *world[3:])
