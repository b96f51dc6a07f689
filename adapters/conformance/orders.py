"""What a channel makes of an order: the same order every time, or an honest refusal before anything is stored."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

from adapters.channel import Order, Unsendable
from adapters.conformance.drive import Drive
from adapters.conformance.promise import Promises
from adapters.conformance.world import World
from adapters.magic import Fate
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, DuplicateMode

promises = Promises()

CURRENCIES = ("CNY", "EUR", "USD", "JPY", "KWD", "XTS")


def refused(world: World, order: Order) -> Unsendable | None:
    """How it is refused before anything is stored; None when it is taken. Nothing else may be raised."""
    try:
        world.sent(order)
    except Unsendable as error:
        return error
    return None


@promises
async def prepare_always_names_the_same_order(world: World) -> None:
    """Made twice, the order goes to the same place under the same id, and is one order to the channel."""
    order = world.order(Fate.PAID_AT_ONCE)
    first, second = world.sent(order), world.sent(order)
    assert first.prepared.target == second.prepared.target
    for sent in (first, second):
        assert order.channel_reference.encode() in sent.prepared.target.encode() + sent.prepared.body
        await world.submit(sent)
    assert world.paid_times(order) == 1
    other = world.sent()
    assert order.channel_reference.encode() not in other.prepared.target.encode() + other.prepared.body


@promises
async def the_stored_bytes_are_what_leaves(world: World) -> None:
    """Signing adds headers and touches nothing else: not the body, not the target, not the headers of the body."""
    sent = world.sent()
    signed = world.channel.sign(sent)
    assert (signed.sent, signed.body) == (sent, sent.prepared.body)
    assert signed.url.endswith(sent.prepared.target)
    assert set(sent.prepared.headers) <= set(signed.headers)
    await world.channel.submit(signed)
    assert all(call.body == sent.prepared.body for call in world.calls)
    assert len(world.calls) == world.subject.networked
    assert [entry.channel_reference for entry in world.entries()] == [sent.order.channel_reference]


@promises
async def a_repeat_has_the_same_bytes_and_the_same_id(world: World) -> None:
    """Whenever it is signed, only the signature is new."""
    sent = world.sent()
    first = world.channel.sign(sent)
    await world.live(60)
    second = world.channel.sign(sent)
    assert (first.method, first.url, first.body) == (second.method, second.url, second.body)


@promises.over_a_network
async def a_repeat_is_signed_afresh(world: World) -> None:
    """Even in the same second: a peer that remembers nonces takes both, and the signatures differ."""
    sent = world.sent(world.order(Fate.PAID_AT_ONCE))
    first, second = world.channel.sign(sent), world.channel.sign(sent)
    assert set(first.headers) != set(second.headers)
    assert [name for name, _ in first.headers] == [name for name, _ in second.headers]
    for signed in (first, second):
        assert (await world.channel.submit(signed)).kind is OutcomeKind.SUCCEEDED


@promises
async def it_is_paid_once_however_often_it_is_sent(world: World) -> None:
    """One by one or at once: ten transmissions of the same bytes are one payment in the channel's books. (Where they
    would not be, the channel has to say so, and is never sent anything twice.)"""
    assert world.channel.ground.duplicate_mode is not DuplicateMode.NONE
    one_by_one, at_once = world.sent(), world.sent()
    await asyncio.gather(*(world.submit(at_once) for _ in range(10)))
    for _ in range(10):
        await world.submit(one_by_one)
    await world.live(30)
    for sent in (one_by_one, at_once) * 3:
        await world.submit(sent)
    await world.live(30)
    assert [world.paid_times(sent.order) for sent in (one_by_one, at_once)] == [1, 1]
    assert len(world.entries()) == 2


@promises
async def the_very_same_signature_again_pays_nobody(world: World) -> None:
    """Somebody who replays our transmission moves no money by it."""
    sent = world.sent(world.order(Fate.PAID_AT_ONCE))
    signed = world.channel.sign(sent)
    for _ in range(3):
        await world.channel.submit(signed)
    assert world.paid_times(sent.order) == 1


@promises
async def declared_kinds_and_currencies_are_carried(world: World) -> None:
    """Whatever the capabilities name can be prepared."""
    declared = world.channel.capabilities
    assert declared.kinds
    assert declared.currencies
    for kind, currency in itertools.product(declared.kinds, sorted(declared.currencies)):
        payee = world.subject.payee(kind, currency, "0001")
        assert world.sent(world.order(money=Money(12_345, currency), payee=payee)).prepared.body


@promises
async def what_is_not_declared_is_refused_before_anything_leaves(world: World) -> None:
    """Another kind of payee, another currency, nothing to pay: `Unsendable`, and not a byte on the line."""
    declared, tried = world.channel.capabilities, 0
    for kind, currency in itertools.product(BeneficiaryKind, CURRENCIES):
        if kind in declared.kinds and currency in declared.currencies:
            continue
        payee = world.subject.payee(kind, currency, "0001")
        assert refused(world, world.order(money=Money(12_345, currency), payee=payee)) is not None
        tried += 1
    for minor in (0, -1):
        assert refused(world, world.order(money=replace(world.money(), minor=minor))) is not None
    assert tried
    assert world.calls == []
    assert world.entries() == []


@promises
async def declared_powers_are_there(world: World) -> None:
    """It can be asked, if it says so; it tells by itself, if it says so; it can drop an order, if it says so."""
    declared = world.channel.capabilities
    told, dropped = Drive(world, Fate.PAID_LATER), Drive(world, Fate.NEVER_HEARD_OF_AGAIN)
    await told.transmit()
    await dropped.transmit()
    if declared.can_cancel:
        dropped.fold(await world.channel.cancel(dropped.sent))
    await world.live(30)
    assert bool(world.received) is declared.notifies
    if declared.can_query:
        await told.ask()
        assert told.attempt.state is AttemptState.SUCCEEDED
        await dropped.ask()
        ended = AttemptState.REJECTED if declared.can_cancel else AttemptState.PENDING
        assert dropped.attempt.state is ended
        assert world.paid_times(dropped.order) == 0


@promises
async def the_ground_is_stable(world: World) -> None:
    """What attempts are pinned to is the same for every build of the same settings, names its adapter, and holds no
    secret."""
    ground = world.channel.ground
    await world.submit(world.sent())
    assert world.channel.ground == world.build().ground == ground
    assert (ground.adapter, ground.adapter_version) == (world.subject.spec.name, world.subject.spec.version)
    assert ground.base_address
    assert ground.account_id
    assert world.address in ground.base_address
    assert not [secret for secret in world.secrets if secret.text() in repr(ground)]


@promises
async def the_settings_of_a_sandbox_are_refused_in_live_mode(world: World) -> None:
    """Test keys, plain http, a channel that pays nobody: there is always a reason, in words."""
    settings = world.subject.spec.settings.model_validate(world.subject.table(world.keys, world.address))
    faults = world.subject.spec.live_faults(settings)
    assert faults
    assert all(faults)
