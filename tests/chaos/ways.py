"""Which way leads a payout to each failpoint, as a table: the configuration, an earlier death, who does what.

A failpoint is only worth something when a payout really gets there, so every row says how. Most are on every payout's
way. Some need a first death (only a gateway that died leaves something to rescue), a channel that is full, or another
node's hand in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.failpoints import Commit, Moment, Send
from tests.chaos.scenes import (
    ALL_DEEDS,
    CHANNELS,
    KNOWN_AT_ONCE,
    ON_THE_WIRE,
    Act,
    Deed,
    adds_somebody,
    cancels,
    finds_it_full,
    holds_a_channel_back,
    is_late,
    is_one_of_a_batch,
    is_overtaken_at_once,
    is_released,
    is_saved_first,
    is_told_again,
    is_told_elsewhere,
    loses_its_lease,
    places,
    places_under_two_people,
    retries,
    signs,
    waits,
)
from tests.support.chaos_stage import Overlay


@dataclass(frozen=True, slots=True)
class Way:
    """How a payout gets to a failpoint."""

    act: Act
    dies_first_at: str | None = None
    """A first life ends there."""
    first: Act = places
    """What is done in it."""
    dies_again_at: tuple[str, ...] = ()
    """More lives, which end by themselves at what the first one left."""
    overlay: Callable[[str], Overlay] = field(default=lambda _: {})
    """The configuration of the life that is to end, for a channel."""
    deeds: frozenset[Deed] = ALL_DEEDS
    channels: frozenset[str] = frozenset(CHANNELS)
    endings: Mapping[Deed, str] = field(default_factory=dict)
    """Other endings than the usual ones, where they show more."""
    untold: bool = False
    """The bank sends no notification: what it did is only known by asking."""
    needs_refusal: bool = False
    """In the first life nobody listens at the channel: the attempt is planned, nothing of it left. An order for the
    mock, at which there is nobody to listen, is tried by the bank line then."""


def _tight(channel: str) -> Overlay:
    limits = {"min": 1, "max": 500_000_000, "rps": 1000, "in_flight": 1}
    return {f"channels.{channel}.limits": limits, **_alone(channel), **SLOWER}


def _alone(channel: str) -> Overlay:
    """No other channel steps in."""
    return {f"channels.{each}.state": "disabled" for each in CHANNELS if each != channel}


def _disabled(channel: str) -> Overlay:
    return {f"channels.{channel}.state": "disabled"} if channel in ON_THE_WIRE else BY_MOCK


BY_MOCK: Overlay = {
    "channels.bank.state": "disabled",
    "channels.mock.limits": {"min": 1, "max": 500_000_000, "rps": 1000, "in_flight": 500},
}
"""The mock carries what the bank line does not."""


def _short_calls(channel: str) -> Overlay:
    calls = {"connect": "500ms", "read": "3s", "total": "3s"}
    return {f"channels.{channel}.timeouts": calls, "channels.mock.settings.slow_s": 8.0}


def _deadline(channel: str) -> Overlay:
    return {f"channels.{channel}.timeouts": {"connect": "400ms", "read": "400ms", "total": "400ms"}}


def _impatient(channel: str) -> Overlay:
    return {f"channels.{channel}.poll": ["2s"], "holds.unknown_after": "500ms"}


SLOWER: Overlay = {"channels.mock.settings.slow_s": 4.0}
"""Time to do something while the slow one is under way, also on a busy machine."""


def _unhurried(channel: str) -> Overlay:
    """The mock, which lives and dies with us, does not pay before it is asked."""
    return {"channels.mock.settings.usual_s": 3.0} if channel == "mock" else {}


def _patient(channel: str) -> Overlay:
    return {f"channels.{channel}.poll": ["2s"]}


DIRECT = Way(places)
SIGNED = Way(signs)
RESCUED = Way(waits, dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}")
UNTOLD = Way(waits, dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}")
UNKNOWN = Way(waits, dies_first_at=f"{Send.SUBMIT}.{Moment.AFTER_SEND}", overlay=_unhurried)
UNSENT = Way(waits, dies_first_at=f"{Send.SUBMIT}.{Moment.BEFORE_SEND}")
# Its channel is asked too late for the patience it is given.
PUT_ON_HOLD = Way(
    waits, dies_first_at=f"{Send.SUBMIT}.{Moment.AFTER_SEND}", overlay=_impatient, deeds=KNOWN_AT_ONCE, untold=True
)
RELEASED = Way(
    is_released,
    dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}",
    first=places_under_two_people,
    dies_again_at=(f"{Commit.CLAIMED}.{Moment.AFTER_COMMIT}",) * 2,
)
JOINED = Way(
    adds_somebody,
    dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}",
    first=places_under_two_people,
    deeds=frozenset({Deed.PAID}),
)
TOLD_AGAIN = Way(
    is_told_again,
    dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}",
    first=places_under_two_people,
    deeds=frozenset({Deed.PAID}),
)
HELD_BACK = Way(
    holds_a_channel_back,
    dies_first_at=f"{Commit.BEGUN}.{Moment.AFTER_COMMIT}",
    first=places_under_two_people,
    deeds=frozenset({Deed.PAID}),
)
# Taken in, and nothing more until somebody asks to drop it: else it would be paid before we are back.
UNWANTED = Way(
    cancels,
    dies_first_at=f"{Send.SUBMIT}.{Moment.AFTER_SEND}",
    overlay=_patient,
    endings={Deed.PAYS_LATER: "0012"},
    untold=True,
)
RETRIED = Way(retries, deeds=frozenset({Deed.FAILED}))
IN_A_BATCH = Way(is_one_of_a_batch, deeds=frozenset({Deed.PAID}))
TOLD_ELSEWHERE = Way(is_told_elsewhere, deeds=frozenset({Deed.PAID}))
SAVED = Way(is_saved_first, deeds=frozenset({Deed.PAID}))
FULL = Way(finds_it_full, overlay=_tight)
WRITTEN_ELSEWHERE = Way(is_overtaken_at_once)
OVERTAKEN = Way(loses_its_lease, overlay=_short_calls, deeds=ALL_DEEDS - {Deed.STOPPED}, channels=ON_THE_WIRE)
SLOWLY_OVERTAKEN = Way(
    loses_its_lease, overlay=_short_calls, deeds=frozenset({Deed.PAID}), channels=frozenset({"mock"})
)
LATE = Way(is_late, overlay=_deadline, deeds=frozenset({Deed.PAID}), channels=frozenset({"mock"}))
REFUSED = Way(places, deeds=frozenset({Deed.FAILED}))
TOLD = Way(places, deeds=frozenset({Deed.NEVER_GOT_IT, Deed.PAYS_LATER, Deed.STOPPED}))
SWITCHED_OFF = Way(waits, overlay=_disabled, needs_refusal=True)

WAYS: tuple[tuple[Commit | Send, Way | None], ...] = (
    (Commit.ACCEPT, FULL),
    (Commit.BEGUN, DIRECT),
    (Commit.CLAIMED, RESCUED),
    (Commit.OPENED, FULL),
    (Commit.REPEATED, UNSENT),
    (Commit.GIVEN_UP, SWITCHED_OFF),
    (Commit.WAITING, FULL),
    (Commit.TOUCH, FULL),
    (Commit.CLOSED, REFUSED),
    (Commit.CANCEL_WISH, UNWANTED),
    (Commit.CANCEL_SENT, UNWANTED),
    (Commit.RETRIED, RETRIED),
    (Commit.RETRY_ENDED, RETRIED),
    (Commit.BENEFICIARY, SAVED),
    (Commit.ENDPOINT, TOLD_ELSEWHERE),
    (Commit.BATCH, IN_A_BATCH),
    (Commit.BATCH_READY, IN_A_BATCH),
    (Commit.BATCHES_CLAIMED, IN_A_BATCH),
    (Commit.BATCH_WORKED, IN_A_BATCH),
    (Commit.SUBMIT_ANSWER, DIRECT),
    (Commit.QUERY_ANSWER, UNKNOWN),
    (Commit.CANCEL_ANSWER, UNWANTED),
    (Commit.NOTIFICATION, TOLD),
    (Commit.EVIDENCE, OVERTAKEN),
    (Commit.EVIDENCE, SLOWLY_OVERTAKEN),
    (Commit.RENEW, WRITTEN_ELSEWHERE),
    (Commit.RELEASE, FULL),
    (Commit.CALLBACKS_CLAIMED, UNTOLD),
    (Commit.CALLBACK_TRIED, DIRECT),
    (Commit.REDELIVERY, TOLD_AGAIN),
    (Commit.HELD, PUT_ON_HOLD),
    (Commit.REQUEST, RELEASED),
    (Commit.PEOPLE, RESCUED),
    (Commit.STARTED, RESCUED),
    (Commit.CONFIG, HELD_BACK),
    (Commit.ROUTER, RESCUED),
    (Commit.NODE, RESCUED),
    (Commit.NONCE, SIGNED),
    (Send.SUBMIT, DIRECT),
    (Send.QUERY, UNKNOWN),
    (Send.CANCEL, UNWANTED),
    (Send.CALLBACK, DIRECT),
)
"""A commit and a send may share their name ("submit"), so this is no dictionary."""


@dataclass(frozen=True, slots=True)
class Row:
    """One failpoint on one way; `passes` counts from the start of the life that is to end."""

    failpoint: str
    way: Way
    passes: int = 1
    called: str = ""
    """What is special about it, for a row beside the usual one."""

    def __str__(self) -> str:
        return self.failpoint + (f" ({self.called})" if self.called else "")


def _moments(what: Commit | Send) -> tuple[Moment, Moment]:
    if isinstance(what, Commit):
        return Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT
    return Moment.BEFORE_SEND, Moment.AFTER_SEND


ROWS: tuple[Row, ...] = (
    *(Row(f"{what}.{moment}", way) for what, way in WAYS if way is not None for moment in _moments(what)),
    # The fold that turns a send which a crash interrupted into "unknown".
    *(Row(f"submit.{moment}", RESCUED, called="interrupted") for moment in _moments(Commit.SUBMIT_ANSWER)),
    # The second transmission under the same id; the interrupted fold is the first commit called "submit".
    *(Row(f"submit.{moment}", UNSENT, called="again") for moment in _moments(Send.SUBMIT)),
    *(Row(f"submit.{moment}", UNSENT, passes=2, called="again") for moment in _moments(Commit.SUBMIT_ANSWER)),
    # The second person's word, and what it does to the payout.
    *(Row(f"request.{moment}", RELEASED, passes=2, called="approved") for moment in _moments(Commit.REQUEST)),
    # The first commit about people is that of the first token, at the start.
    *(Row(f"people.{moment}", JOINED, passes=2, called="added") for moment in _moments(Commit.PEOPLE)),
    # An answer that comes after the deadline: the first commit called "submit" said "no answer".
    *(Row(f"submit.{moment}", LATE, passes=2, called="late") for moment in _moments(Commit.SUBMIT_ANSWER)),
)
