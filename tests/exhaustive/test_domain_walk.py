"""The domain machine is walked completely, and every law holds in every payout and for every change."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from gateway.domain import states, steps
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.status import Status, status
from tests.exhaustive import shell, walk
from tests.exhaustive.scopes import CHANNELS, PEOPLE
from tests.exhaustive.timeless import POLICY, key, moved_to_now, timeless
from tests.support.builders import NOW, a_payout

MET = set(Status) - {Status.SCHEDULED}
"""The walk knows no time: what `send_at` does is in tests/integration/operations/test_scheduled.py."""
HOLDS_MET = {HoldCode.OUTCOME_UNKNOWN, HoldCode.CONTENT_CONFLICT, HoldCode.CRASHED, HoldCode.RETURN_MISMATCH}
"""Those that come of an answer, a crash or patience; the others come of a restore."""


@pytest.fixture(scope="module")
def channels() -> walk.Walked:
    """Two channels that say anything at any time."""
    return walk.walk(CHANNELS)


@pytest.fixture(scope="module")
def people() -> walk.Walked:
    """One channel that says anything, crashes, and two people."""
    return walk.walk(PEOPLE)


def test_every_payout_of_two_channels_keeps_the_laws(channels: walk.Walked) -> None:
    """Whatever two channels say: one live attempt, no attempt beside an unproved one, a true status, nothing lost."""
    assert channels.breaches == []
    assert channels.exhausted
    assert len(channels.seen) > 2_500
    assert channels.changes > 20_000
    assert channels.contradictions > 1_000
    assert {status(payout) for payout in channels.seen} == MET - {Status.HELD}


def test_every_payout_that_people_deal_with_keeps_the_laws(people: walk.Walked) -> None:
    """Crashes, holds, freezes and what two people do about them break no law either."""
    assert people.breaches == []
    assert people.exhausted
    assert len(people.seen) > 3_000
    assert {status(payout) for payout in people.seen} == MET
    assert {bool(payout.resolution) for payout in people.seen} == {False, True}
    assert {payout.hold.code for payout in people.seen if payout.hold} >= HOLDS_MET


def test_only_people_are_waited_for(channels: walk.Walked, people: walk.Walked) -> None:
    """From every payout something leads to an end; where there are no people, all but those that wait for them."""
    assert all(payout.frozen or payout.hold for payout in channels.unfinishable)
    assert people.unfinishable == []


def test_the_fold_reads_no_more(channels: walk.Walked) -> None:
    """What the walk works out once for payouts that are alike is what the fold says of each."""
    compared = 0
    for payout in channels.seen[::25]:
        for attempt in payout.attempts:
            meant, _ = walk.meanings(attempt.transmissions, attempt.ground.absence, people=False)
            folds = {key(timeless(shell.told(payout, attempt.number, one).payout)) for one in meant}
            assert folds == {key(timeless(after)) for _, after in walk.heard_of(payout, attempt, people=False)}
            compared += 1
    assert compared > 200


def test_a_real_clock_reaches_nothing_else(channels: walk.Walked) -> None:
    """Payouts that really age, by a clock that only goes forward, are all among those walked without one."""
    seen = {key(payout) for payout in channels.seen}
    dice, met = random.Random(7), set[object]()
    for _ in range(200):
        payout = a_payout()
        for _ in range(30):
            waited = timedelta(seconds=dice.choice((0, 1, 30, 400, 4_000, 90_000)))
            payout = _lives_on(moved_to_now(payout, NOW + waited), dice)
            met.add(key(timeless(payout)))
    assert met <= seen
    assert len(met) > 150


def _lives_on(payout: Payout, dice: random.Random) -> Payout:
    """One thing that may happen to a payout, by the clock as it stands."""
    ways = [payout]
    step = steps.next_step(payout, NOW, POLICY)
    match step:
        case steps.Plan(instead_of):
            ways = [one.payout for one in shell.plans(payout, instead_of, CHANNELS.grounds, CHANNELS.rows_max)]
        case steps.Repeat(number) if payout.attempt(number).transmissions < walk.TRANSMISSIONS_MAX:
            ways = [shell.repeated(payout, number).payout]
        case _:
            ways = [shell.decided(payout, step) or payout]
    for attempt in payout.attempts:
        meant, _ = walk.meanings(attempt.transmissions, attempt.ground.absence, people=False)
        ways += [shell.told(payout, attempt.number, one).payout for one in dice.sample(meant, 3)]
    if dice.random() < 0.05:
        ways += [shell.cancel_wish(payout) or payout]
    return shell.saved(dice.choice(ways))


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_a_walk_of_a_wrong_table_is_noticed(kind: OutcomeKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that takes a verdict back, whichever answer does it, breaks a law of the walk."""
    monkeypatch.setitem(states.TABLE, (AttemptState.REJECTED, kind), AttemptState.PENDING)
    walk.forget()
    try:
        walked = walk.walk(CHANNELS, breaches_max=1)
    finally:
        monkeypatch.undo()
        walk.forget()
    assert any("(I14)" in breach or "(I21)" in breach for breach in walked.breaches)
