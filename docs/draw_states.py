"""Draw docs/states.md from the tables that the gateway runs on.

python docs/draw_states.py            writes it
python docs/draw_states.py --check    exit code 1 when it is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from drawing import code, table, write_or_check

from gateway.domain.hold import HOLDS
from gateway.domain.outcome import BELIEF, Heard, OutcomeKind
from gateway.domain.payout import AttemptState
from gateway.domain.states import FOLLOW_UP_AFTER, SETTLED, TABLE
from gateway.domain.status import FINAL, Status

CONTRADICTION = "!"

ATTEMPT_MEANS = {
    AttemptState.PLANNED: "Opened, and proved never to have left us. It waits for a channel.",
    AttemptState.SENDING: "The intent is committed; from now on it may have left us.",
    AttemptState.PENDING: "The channel took it in and has not decided.",
    AttemptState.UNKNOWN: "We do not know whether the channel took it in. It is asked, never replaced.",
    AttemptState.SUCCEEDED: "The channel paid.",
    AttemptState.REJECTED: "Proved: this attempt will not pay.",
    AttemptState.RETURNED: "It was paid and the money came back.",
}

KIND_MEANS = {
    OutcomeKind.NOT_SENT: "The transport proves that no byte of the request's head was written.",
    OutcomeKind.PENDING: "Taken in, not decided.",
    OutcomeKind.SUCCEEDED: "Paid.",
    OutcomeKind.REJECTED: "Refused.",
    OutcomeKind.UNCLEAR: "No answer, one we cannot trust, or one we do not know. Not a no.",
    OutcomeKind.ABSENT: "The channel knows no such order. Not a no either, unless the attempt's ground says so.",
    OutcomeKind.RETURNED: "Paid, and the money came back.",
}

BELIEF_MEANS = {
    "as said": "It counts as what the channel said.",
    "only for transmission 1 of 1": "It counts if the order was sent exactly once; otherwise *unclear*. A later "
    "transmission that never left says nothing about an earlier one.",
    "by the code's finality": "A code that speaks of the order (`final_on_repeat`) always counts; a `final` one for "
    "transmission 1 of 1 only; `retry_same_id` is *unclear* and the same bytes go again; any other is *unclear*.",
    "final for the order, or final and sent once": (
        "A code that is final for the *order* counts; one that is final for a transmission counts while there was"
        " only one. Any other is *unclear*."
    ),
    "only where absence is proof": "It counts where the attempt's pinned ground calls absence authoritative; "
    "elsewhere it is *unclear*, and the same bytes go again where a repeat is the same order.",
    "as said, up to the amount that a query must confirm": "It counts, unless the amount is above "
    "`[safety] confirm_success_above`: then the channel is asked, and the answer to that counts.",
    "ask at once": "It changes nothing by itself: the channel is asked, and the answer to that counts.",
}

STATUS_MEANS = {
    Status.ACCEPTED: "No attempt was opened yet.",
    Status.SCHEDULED: "Likewise, and its app wants it sent later.",
    Status.HELD: "It waits for people, and no attempt of it is live. See the holds below.",
    Status.PROCESSING: "An attempt may still pay, or the payout waits for a channel after a refusal, or it is frozen.",
    Status.PAID: "An attempt succeeded.",
    Status.FAILED: "Every attempt is rejected (or there was none), and it is recorded that nothing more is tried.",
    Status.CANCELED: "The app wished it, and every attempt is proved rejected.",
    Status.RETURNED: "It was paid and the money came back.",
}

OPENING = """\
# States

Drawn from `gateway/domain/states.py`, `gateway/domain/outcome.py` and `gateway/domain/status.py` by
`docs/draw_states.py`. Change the tables there and run the script; a test compares.
"""

HOW_MOVED = """\
An attempt is opened as *sending*, in the commit that stores its bytes, before the call. Three moves are not answers:

- *planned* goes back to *sending* when a channel is free for it after all;
- *planned* becomes *rejected* when it is given up: nothing of it was ever sent;
- *sending* becomes *unknown* when nobody waits for its answer any more (a crash, a lost lease, the deadline).

And one is no machine's: two people who resolve a payout settle its live attempt as *succeeded* or *rejected*.
"""

CONTRADICTIONS = f"""\
A `{CONTRADICTION}` is a contradiction. It is never folded in: the answer is kept as evidence, an incident and a freeze
are recorded in the same transaction, and from then on only questions are asked. Two people lift a freeze, or resolve
the payout.

What a channel itself dates before the verdict we hold is kept and not judged, unless it says succeeded or returned.
"""

BELIEVED = """\
An adapter reports what the channel *said*. Whether it counts depends on how it was heard and on how often the order
was sent; that is decided inside the transaction that folds it in. What is not listed is *unclear*.
"""

DERIVED = """\
The public status is derived from the attempts and the recorded decisions, by one function; it never moves because
some message is the newest.
"""

FINAL_MEANS = """\
Final means that nothing more is tried. A paid payout may still become returned. A failed one that proof contradicts
stays failed and says `disputed: true`, until two people resolve it as paid.
"""

HELD = """\
A hold lies on a payout until two people take it off or resolve it, or until proof makes it needless. Under it nothing
is sent, and no deadline, limit or wish ends the payout. While an attempt is live the payout shows `processing`,
`outcome_unknown` and `under_review: true`; else it shows `held`.
"""


def diagram() -> str:
    """The moves between different states. What leaves a state as it is stands in the table."""
    labels: dict[tuple[AttemptState, AttemptState], list[str]] = {}
    for (state, kind), target in TABLE.items():
        if target is not state:
            labels.setdefault((state, target), []).append(str(kind))
    own = [
        f"    [*] --> {AttemptState.SENDING}: intent committed",
        f"    {AttemptState.PLANNED} --> {AttemptState.SENDING}: intent committed",
        f"    {AttemptState.PLANNED} --> {AttemptState.REJECTED}: given up",
    ]
    moves = [f"    {before} --> {after}: {', '.join(kinds)}" for (before, after), kinds in labels.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *own, *moves, "```"])


def attempt_table() -> str:
    rows = [
        [f"*{state}*", *(str(TABLE.get((state, kind), CONTRADICTION)) for kind in OutcomeKind)]
        for state in AttemptState
    ]
    return table(["attempt \\ outcome", *OutcomeKind], rows)


def belief_table() -> str:
    rows = [[f"*{heard}*", *(str(BELIEF.get((heard, kind), "unclear")) for kind in OutcomeKind)] for heard in Heard]
    return table(["heard by \\ said", *OutcomeKind], rows)


def beliefs() -> Iterator[tuple[str, str]]:
    """Every condition in the table, in the order in which it is declared."""
    declared = type(next(iter(BELIEF.values())))
    for belief in declared:
        yield str(belief), BELIEF_MEANS[str(belief)]


def hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def follow_ups() -> str:
    *first, last = (hours(after.total_seconds()) for after in FOLLOW_UP_AFTER)
    settled = ", ".join(f"*{state}*" for state in AttemptState if state in SETTLED)
    return (
        f"Settled are {settled}. A rejected attempt that was ever transmitted is asked about again\n"
        f"{', '.join(first)} and {last} after it settled, so that a late success is found even when its notification\n"
        "is lost.\n"
    )


def status_table() -> str:
    rows = ([code(status), "yes" if status in FINAL else "", STATUS_MEANS[status]] for status in Status)
    return table(["status", "final", "means"], rows)


def yes(flag: bool) -> str:
    return "yes" if flag else ""


def hold_table() -> str:
    rows = (
        [code(hold), rule.text, yes(rule.asks), yes(rule.until_settled), yes(rule.until_known)]
        for hold, rule in HOLDS.items()
    )
    return table(["hold", "because", "asked on", "off when paid", "off when refused"], rows)


def page() -> str:
    parts = [
        OPENING,
        "## An attempt\n",
        table(["state", "means"], ([code(state), ATTEMPT_MEANS[state]] for state in AttemptState)) + "\n",
        diagram() + "\n",
        HOW_MOVED,
        "## Which outcome does what\n",
        attempt_table() + "\n",
        CONTRADICTIONS,
        follow_ups(),
        "## Outcomes\n",
        table(["outcome", "means"], ([code(kind), KIND_MEANS[kind]] for kind in OutcomeKind)) + "\n",
        "## What is believed\n",
        BELIEVED,
        belief_table() + "\n",
        table(["condition", "means"], beliefs()) + "\n",
        "## A payout\n",
        DERIVED,
        status_table() + "\n",
        FINAL_MEANS,
        "## Holds\n",
        HELD,
        hold_table() + "\n",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check("states.md", page(), sys.argv[1:]))
