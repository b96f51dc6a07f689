"""The invariants, once: number, words, what holds them here, and where else they are held."""

from __future__ import annotations

from gateway.simulation.audit import attempts, evidence, history, identity, liveness, money, people, taint, telling
from gateway.simulation.audit.finding import Check, Invariant, When

_W = When

INVARIANTS: dict[int, Invariant] = {
    1: Invariant(
        "an acknowledged payout is in the store at every later moment",
        ((_W.ACKNOWLEDGED, identity.acknowledged_is_stored), (_W.END_ORDER, identity.acknowledged_stays)),
    ),
    2: Invariant("all banks together pay an order at most once", ((_W.BOOKED, money.paid_once),)),
    3: Invariant("an accepted payout is due, held or ended", ((_W.CHANGE, identity.somebody_looks),)),
    4: Invariant(
        "the status is a function of attempts, holds, freezes and decisions",
        ((_W.CHANGE, history.status_follows), (_W.CHANGE, history.change_is_told)),
    ),
    5: Invariant("one payout for an app's reference, for ever", ((_W.CHANGE, identity.one_payout_a_reference),)),
    6: Invariant("a commit of which nobody knows happened whole or not at all"),
    7: Invariant(
        "amount, currency, payee and app never change",
        ((_W.CHANGE, identity.order_unchanged), (_W.ACKNOWLEDGED, identity.acknowledged_as_ordered)),
    ),
    8: Invariant("the bank is told exactly what was ordered", ((_W.BOOKED, money.as_ordered),)),
    9: Invariant("not a byte leaves without a committed intent", ((_W.SENT, attempts.intent_first),)),
    10: Invariant("after a restart nothing is called not sent", ((_W.CHANGE, attempts.not_relabelled),)),
    11: Invariant(
        "what is called not sent no bank has seen",
        (
            (_W.CHANGE, attempts.not_sent_is_true),
            (_W.CHANGE, attempts.not_sent_is_proved),
            (_W.CHANGE, attempts.taken_off_the_count),
        ),
    ),
    12: Invariant(
        "a new attempt only when every earlier one is rejected, and nothing stands against it",
        ((_W.CHANGE, attempts.one_at_a_time), (_W.CHANGE, attempts.held_is_not_sent)),
    ),
    13: Invariant(
        "what is rejected the bank does not pay",
        ((_W.BOOKED, money.rejected_never_pays), (_W.STEP, money.rejected_was_not_paid)),
    ),
    14: Invariant(
        "attempts move along the published graph",
        ((_W.CHANGE, attempts.along_the_graph), (_W.CHANGE, attempts.given_up_unsent)),
    ),
    15: Invariant("paid means that one attempt is paid, and the bank agrees", ((_W.STEP, money.succeeded_was_paid),)),
    16: Invariant("what is not proved moves nothing", ((_W.CHANGE, evidence.moved_by_proof),)),
    17: Invariant("what is false or not ours is not believed", ((_W.UNIT, evidence.false_changes_nothing),)),
    18: Invariant("a duplicate's answer is no refusal", ((_W.CHANGE, attempts.duplicate_is_no_refusal),)),
    19: Invariant(
        "one attempt: one id, the same bytes, within its window",
        (
            (_W.SENT, attempts.same_bytes),
            (_W.CHANGE, attempts.same_attempt_same_ground),
            (_W.CHANGE, attempts.ids_are_unique),
            (_W.CHANGE, attempts.ids_are_derived),
            (_W.CHANGE, attempts.repeated_as_allowed),
        ),
    ),
    20: Invariant("no update is lost", ((_W.CHANGE, evidence.no_lost_update),)),
    21: Invariant(
        "money that moves where we hold rejected comes to one incident",
        ((_W.END_ORDER, evidence.late_successes_are_raised),),
    ),
    22: Invariant("a notification counts once", ((_W.UNIT, evidence.once_however_often),)),
    23: Invariant(
        "a notification alone ends nothing, and old news stops nothing",
        ((_W.CHANGE, evidence.not_by_notification), (_W.CHANGE, evidence.old_news_stops_nothing)),
    ),
    24: Invariant(
        "what came back is at most what was paid, and is not sent out again",
        ((_W.CHANGE, money.returned_within_paid), (_W.CHANGE, money.returned_stays)),
    ),
    25: Invariant("what belongs to nobody is kept"),
    26: Invariant(
        "nothing refuses between intent and send, and nothing refuses a question",
        elsewhere="tests/unit/routing/test_guard.py",
    ),
    27: Invariant("half-open: one trial at a time", elsewhere="tests/unit/routing/test_breaker_gate.py"),
    28: Invariant("each change has its one event, numbered without a gap", ((_W.CHANGE, history.one_event_a_change),)),
    29: Invariant(
        "an old lease changes nothing, and tokens rise",
        ((_W.UNIT, history.fences_rise), (_W.CHANGE, history.stale_lease_writes_nothing)),
    ),
    30: Invariant("everything ends, or waits for people", ((_W.END, liveness.ends_or_waits),)),
    31: Invariant("what a crash left in sending is asked about", ((_W.STEP, liveness.sends_are_settled),)),
    32: Invariant("what a bank did becomes known", ((_W.END_ORDER, liveness.payments_are_known),)),
    33: Invariant("no live attempt at a channel that cannot be asked", ((_W.CHANGE, liveness.channel_can_be_asked),)),
    34: Invariant(
        "answers verify under the pinned key or a later one",
        elsewhere="tests/unit/adapters/wechat/test_wechat_certificates.py",
    ),
    35: Invariant("clocks that jump change nothing: the faults include them"),
    36: Invariant("commits are durable", elsewhere="tests/unit/gateway/store/test_engine_connect.py"),
    37: Invariant(
        "every event reaches its app, with one id, one body, one number",
        (
            (_W.TOLD, telling.told_as_committed),
            (_W.STEP, telling.numbered_in_order),
            (_W.END, telling.delivered_is_true),
        ),
    ),
    38: Invariant("a callback's fate changes no payout", ((_W.UNIT, telling.tries_change_nothing),)),
    39: Invariant("what people decide takes two of them", ((_W.CHANGE, people.two_people),)),
    40: Invariant(
        "canceled and closed mean that nothing may still pay",
        (
            (_W.CHANGE, people.canceled_pays_nothing),
            (_W.CHANGE, people.ended_pays_nothing),
            (_W.CHANGE, people.unwanted_is_not_sent),
        ),
    ),
    41: Invariant("what killed its worker three times is held", ((_W.CHANGE, people.poison_is_held),)),
    42: Invariant("callbacks that are due are tried", ((_W.END, telling.due_is_tried),)),
    43: Invariant("a healed channel is used again", elsewhere="tests/unit/routing/test_breaker_gate.py"),
    44: Invariant("nobody waits behind others for ever", ((_W.END, liveness.not_forgotten),)),
    45: Invariant("no more submits under way than the channel takes"),
    46: Invariant("the store's books, ours and the banks' are the same"),
    47: Invariant("the history cannot be rewritten unseen", elsewhere="not built"),
    48: Invariant(
        "no account, name or key in logs, callbacks or histories",
        ((_W.LOGGED, taint.line_is_clean), (_W.CHANGE, taint.change_is_clean)),
    ),
}
"""By number, as docs/reliability.md has them. Those without a check here the auditor holds itself (6, 25, 45, 46)."""


def checks_at(when: When) -> tuple[tuple[int, Check], ...]:
    """What is looked at then, in the order of the numbers."""
    found = [(number, check) for number, each in INVARIANTS.items() for moment, check in each.checks if moment is when]
    return tuple(found)
