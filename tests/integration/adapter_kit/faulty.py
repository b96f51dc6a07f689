"""Channels of a careless author, one fault each. Copied into the wheel that the tests build."""

import os
from dataclasses import replace

from paymux_acme.other_side import OTHER_SIDE
from paymux_acme.wire import WIRE

from adapters.channel import Notice, Notification
from adapters.json_text import NotJson, read_object
from adapters.plain import Event, PlainChannel, adapter, described
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.reasons import RejectReason

REFUSED = {"finality": Finality.FINAL_ON_REPEAT, "reason": RejectReason.UNKNOWN, "channel_code": "x"}


class SilenceIsANo(PlainChannel):
    async def submit(self, signed):
        answer = await super().submit(signed)
        return replace(answer, kind=OutcomeKind.REJECTED, **REFUSED) if answer.kind is OutcomeKind.UNCLEAR else answer


class AbsentIsANo(PlainChannel):
    async def query(self, sent):
        answer = await super().query(sent)
        return replace(answer, kind=OutcomeKind.REJECTED, **REFUSED) if answer.kind is OutcomeKind.ABSENT else answer


class RepeatsByItself(PlainChannel):
    async def submit(self, signed):
        answer = await super().submit(signed)
        return await super().submit(self.sign(signed.sent)) if answer.kind is OutcomeKind.UNCLEAR else answer


class AnyAmount(PlainChannel):
    def _differs(self, told, sent):
        return super()._differs(replace(told, amount=sent.order.amount), sent)


class AnyOrder(PlainChannel):
    def _differs(self, told, sent):
        return ""


class TrustsAnyone(PlainChannel):
    async def read_notification(self, raw):
        try:
            event = WIRE.read_event(read_object(raw.body))
        except (NotJson, KeyError, ValueError):
            return Notification("none", ())
        answer = Answer(Heard.NOTIFICATION, event.told.kind)
        return Notification(event.id, (Notice(answer, event.told.reference),))


class FreshIds(PlainChannel):
    def prepare(self, order, now):
        return super().prepare(replace(order, channel_reference=os.urandom(13).hex().upper()), now)


class BelievesACancel(PlainChannel):
    async def cancel(self, sent):
        return Answer(Heard.QUERY, OutcomeKind.REJECTED, **REFUSED)


def _new_event(told):
    return Event(os.urandom(8).hex(), WIRE.read_event(told).told)


def _paid_is_paid(status, told):
    said = WIRE.read_answer(status, told)
    return replace(said, kind=OutcomeKind.SUCCEEDED) if said and said.kind is OutcomeKind.RETURNED else said


def _event_paid_is_paid(told):
    return Event(str(told["event"]), _paid_is_paid(200, told))


def _named(name, channel=PlainChannel, wire=WIRE):
    return adapter(name, wire, OTHER_SIDE, channel=channel, conformance=f"paymux_acme.faulty:UNDER_TEST_{name}")


silence = _named("silence", SilenceIsANo)
absent = _named("absent", AbsentIsANo)
repeats = _named("repeats", RepeatsByItself)
any_amount = _named("any_amount", AnyAmount)
any_order = _named("any_order", AnyOrder)
trusting = _named("trusting", TrustsAnyone)
fresh_ids = _named("fresh_ids", FreshIds)
cancels = _named("cancels", BelievesACancel)
new_events = _named("new_events", wire=replace(WIRE, read_event=_new_event))
no_returns = _named("no_returns", wire=replace(WIRE, read_answer=_paid_is_paid, read_event=_event_paid_is_paid))

ALL = (silence, absent, repeats, any_amount, any_order, trusting, fresh_ids, cancels, new_events, no_returns)
globals().update({f"UNDER_TEST_{spec.name}": described(spec) for spec in ALL})
