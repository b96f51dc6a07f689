"""Invariants 9 to 12, 14, 18, 19: what may leave us, under which id, how often, and when not."""

from __future__ import annotations

from datetime import timedelta

from gateway.domain.payout import Attempt, AttemptState, DuplicateMode
from gateway.domain.reasons import RejectReason
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, digest
from gateway.simulation.audit.facts import Change, Sighting

REJECTED = AttemptState.REJECTED


def intent_first(books: Books, sighting: Sighting) -> str | None:
    """9: not a byte of what was not committed, and not more often than was committed."""
    line = books.lines.get(sighting.channel_reference)
    if line is None:
        return f"{sighting.channel} received {sighting.channel_reference}, which no committed attempt has"
    if line.channel != sighting.channel:
        return f"{sighting.channel} received {sighting.channel_reference} of {line.channel}"
    if line.seen > line.intents:
        return f"{line.seen} transmissions of {line.channel_reference}, {line.intents} committed"
    return None


def same_bytes(books: Books, sighting: Sighting) -> str | None:
    """19: as stored, each time."""
    line = books.lines.get(sighting.channel_reference)
    if line is None or sighting.body_digest in line.prepared:
        return None
    return f"the bytes sent under {line.channel_reference} are not the stored ones"


def not_relabelled(books: Books, change: Change) -> str | None:
    """10: only who committed the intent can know that nothing left; after a restart nobody does."""
    for was, now in change.moves():
        line = books.line_of(was)
        if was.state is AttemptState.SENDING and now.state is AttemptState.PLANNED and line is not None:
            by = (change.unit.node, change.unit.start)
            if line.intent_by != by:
                return f"attempt {now.number}: called not sent by {by}, its intent is of {line.intent_by}"
    return None


def not_sent_is_true(books: Books, change: Change) -> str | None:
    """11: called not sent, and the bank saw it."""
    for was, now in change.moves():
        line = books.line_of(was)
        if now.state is AttemptState.PLANNED and line is not None and line.seen >= line.intents:
            return f"attempt {now.number}: called not sent, {was.channel} saw it"
    return None


def not_sent_is_proved(_books: Books, change: Change) -> str | None:
    """11: and there is proof of it, for transmission 1 of 1."""
    for was, now in change.moves():
        if now.state is AttemptState.PLANNED and not _proved(change, was, now):
            return f"attempt {now.number}: called not sent without proof"
    return None


def taken_off_the_count(_books: Books, change: Change) -> str | None:
    """11: a transmission is forgotten only with the proof that it never left."""
    for was, now in change.attempts():
        if was is not None and now.transmissions < was.transmissions and now.state is not AttemptState.PLANNED:
            return f"attempt {now.number}: {was.transmissions} transmissions became {now.transmissions}"
    return None


def _proved(change: Change, was: Attempt, now: Attempt) -> bool:
    return any(graph.proves(kept, was, now.state) for kept in change.evidence if kept.attempt == was.number)


def one_at_a_time(_books: Books, change: Change) -> str | None:
    """12: at most one attempt that is not rejected, and none opens beside it."""
    barring = [attempt.number for attempt in change.after.attempts if attempt.state is not REJECTED]
    if len(barring) > 1:
        return f"attempts {barring} are not rejected at the same time"
    known = change.known
    before = [attempt.number for attempt in known.attempts if attempt.state is not REJECTED] if known else []
    for attempt in change.opened():
        # A planned one may be given up in the very commit that opens the next.
        still = [number for number in before if change.after.attempts[number - 1].state is not REJECTED]
        if still:
            return f"attempt {attempt.number} opened while {still} may still pay"
    return None


def along_the_graph(_books: Books, change: Change) -> str | None:
    """14: and no attempt vanishes, or becomes another."""
    known = change.known
    if known is not None and len(change.after.attempts) < len(known.attempts):
        return f"{len(known.attempts)} attempts became {len(change.after.attempts)}"
    for was, now in change.attempts():
        if was is None:
            if now.state is not AttemptState.SENDING:
                return f"attempt {now.number} opened as {now.state}"
        elif was.state is not now.state and (was.state, now.state) not in graph.MOVES:
            return f"attempt {now.number} went from {was.state} to {now.state}"
        elif (was.channel, was.channel_reference, was.ordinal) != (now.channel, now.channel_reference, now.ordinal):
            return f"attempt {now.number} became another one"
    return None


def given_up_unsent(_books: Books, change: Change) -> str | None:
    """14: giving up is for what never left."""
    for was, now in change.moves():
        if was.state is AttemptState.PLANNED and now.state is REJECTED and (was.transmissions or now.transmissions):
            return f"attempt {now.number} was given up after {was.transmissions} transmissions"
    return None


def duplicate_is_no_refusal(_books: Books, change: Change) -> str | None:
    """18: "I know this id" is not "I did not pay"."""
    for _was, now in change.moves():
        if now.state is REJECTED and now.reason is RejectReason.DUPLICATE:
            return f"attempt {now.number}: a duplicate's answer was taken for a refusal"
    return None


def same_attempt_same_ground(_books: Books, change: Change) -> str | None:
    """19: bytes and ground are pinned."""
    for was, now in change.attempts():
        if was is not None and (was.prepared, was.ground) != (now.prepared, now.ground):
            return f"attempt {now.number}: stored bytes or ground changed"
    return None


def ids_are_unique(books: Books, change: Change) -> str | None:
    """19: an id is one attempt's. After a restore the same attempt gets the same id again."""
    for attempt in change.opened():
        line = books.line_of(attempt)
        if line is None:
            continue
        if (line.order.key, line.channel) != (_key(change), attempt.channel):
            return f"{attempt.channel_reference} was used for {line.order.reference} at {line.channel}"
        if digest(attempt.prepared.body) not in line.prepared and not line.order.restored:
            return f"{attempt.channel_reference} was used with other bytes"
    return None


def ids_are_derived(books: Books, change: Change) -> str | None:
    """19: the n-th attempt at a channel has the n-th id there, which anyone with the key can work out again."""
    for attempt in change.opened():
        earlier = [each for each in change.after.attempts[: attempt.number - 1] if each.channel == attempt.channel]
        if attempt.ordinal != len(earlier) + 1:
            return f"attempt {attempt.number} is number {len(earlier) + 1} at {attempt.channel}, not {attempt.ordinal}"
        if books.identity_key is None:
            continue
        due = graph.derived_id(books.identity_key, *_key(change), attempt.channel, attempt.ordinal)
        if attempt.channel_reference != due:
            return f"attempt {attempt.number} has {attempt.channel_reference}, its id is {due}"
    return None


def _key(change: Change) -> tuple[str, str]:
    return change.after.app, change.after.reference


def repeated_as_allowed(_books: Books, change: Change) -> str | None:
    """19: only where a repeat is the same order, and only while the id is remembered."""
    for was, now in change.intents():
        if was is None or now.transmissions < 2:
            continue
        if was.ground.duplicate_mode is DuplicateMode.NONE:
            return f"attempt {now.number} was repeated where a repeat pays again"
        if now.last_sent_at is None or now.first_sent_at is None:
            return f"attempt {now.number} was repeated without a time"
        if now.last_sent_at - now.first_sent_at >= timedelta(seconds=was.ground.repeat_window_s):
            return f"attempt {now.number} was repeated after its window"
    return None


def held_is_not_sent(_books: Books, change: Change) -> str | None:
    """12: nothing leaves for a payout that is frozen, held or final."""
    known = change.known
    if known is None:
        return None
    for _was, now in change.intents():
        if known.frozen:
            return f"attempt {now.number} may be sent under a freeze"
        if known.hold is not None:
            return f"attempt {now.number} may be sent under a hold"
        if graph.final(known):
            return f"attempt {now.number} may be sent although the payout is {graph.shown(known)}"
    return None
