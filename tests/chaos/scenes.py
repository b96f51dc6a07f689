"""What happens around a death: the order it is about, what the bank does with it, and what is done from outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.support.chaos_stage import ChaosStage, Died


class Deed(StrEnum):
    """What the bank did with the order, by the account's magic ending."""

    PAID = "paid"
    FAILED = "failed"
    NEVER_GOT_IT = "never_got_it"
    """The first transmission that arrives is lost before any work."""
    PAYS_LATER = "pays_later"
    STOPPED = "stopped"
    """The bank's process stands still while we die; it works on what it was sent afterwards, and pays."""


ENDINGS = {
    Deed.PAID: "0001",
    Deed.FAILED: "0003",
    Deed.NEVER_GOT_IT: "0005",
    Deed.PAYS_LATER: "0002",
    Deed.STOPPED: "0001",
}
SLOW = "0009"
ACT_WITHIN_S = 60.0
ALL_DEEDS = frozenset(Deed)
KNOWN_AT_ONCE = ALL_DEEDS - {Deed.PAYS_LATER}
"""A bank that pays later may say so sooner than we ask."""
CHANNELS = ("mock", "wechat", "bank")
ON_THE_WIRE = frozenset({"wechat", "bank"})


@dataclass(slots=True)
class Order:
    """One payout of ours: what is ordered, and what we know of it."""

    channel: str
    reference: str
    account: str = field(repr=False)
    signed: bool = False
    by_bank_line: bool = False
    """Too large for the mock as it is configured, so that the bank line is tried first."""
    payout_id: str | None = None
    """Known once an answer came: then the payout is a promise."""

    def body(self) -> dict[str, object]:
        if self.channel == "wechat":
            payee = {"type": "wechat", "openid": self.account, "name": "王伟"}
        else:
            payee = {"type": "bank_account", "account_number": self.account, "name": "王伟"}
            payee |= {"bank_code": "000200000002", "country": "CN"}
        minor = 500_000 if self.by_bank_line or self.channel == "bank" else 5_000
        amount = {"value": minor, "currency": "CNY"}
        return {"reference": self.reference, "amount": amount, "beneficiary": payee}

    async def place(self, stage: ChaosStage) -> None:
        """Order it, or order it again: the same words under the same reference. Raises `Died`."""
        told = await stage.order(self.body(), signed=self.signed)
        if self.payout_id is not None and told["id"] != self.payout_id:
            raise RuntimeError(f"{self.reference} was promised as {self.payout_id}, now it is {told['id']}")
        self.payout_id = told["id"]


def account(channel: str, number: int, ending: str) -> str:
    return f"oCHAOS{number:011d}{ending}" if channel == "wechat" else f"6222{number:011d}{ending}"


@dataclass(slots=True)
class Scene:
    """One death to come: the order it is about, and others that stand in its way."""

    order: Order
    extra: list[Order] = field(default_factory=list)

    def blocker(self) -> Order:
        """A slow order on the same channel."""
        own = self.order
        made = Order(own.channel, f"{own.reference}-slow", own.account[:-4] + SLOW)
        self.extra.append(made)
        return made


Act = Callable[[ChaosStage, Scene], Awaitable[None]]
"""What is done from outside in the life that is to end. Raises `Died` when it ends meanwhile."""


async def places(stage: ChaosStage, scene: Scene) -> None:
    await scene.order.place(stage)


async def waits(_stage: ChaosStage, _scene: Scene) -> None:
    """What the first life left is enough."""


async def signs(stage: ChaosStage, scene: Scene) -> None:
    scene.order.signed = True
    await scene.order.place(stage)


async def cancels(stage: ChaosStage, scene: Scene) -> None:
    await scene.order.place(stage)
    assert scene.order.payout_id is not None
    await stage.cancel(scene.order.payout_id)


async def retries(stage: ChaosStage, scene: Scene) -> None:
    """It fails, and is ordered again: the same account is closed to the second one, too."""
    await scene.order.place(stage)
    assert scene.order.payout_id is not None
    while (await stage.payout(scene.order.payout_id))["status"] != "failed":
        await asyncio.sleep(0.01)
    await stage.retry(scene.order.payout_id, f"{scene.order.reference}-again")


async def is_one_of_a_batch(stage: ChaosStage, scene: Scene) -> None:
    """It is ordered in a batch, with another item that is none."""
    body = scene.order.body()
    await stage.batch(f"{scene.order.reference}-batch", [body, {**body, "preference": "there-is-none"}])
    while not await stage.payouts(f"&reference={scene.order.reference}"):
        await asyncio.sleep(0.01)


async def is_saved_first(stage: ChaosStage, scene: Scene) -> None:
    """Its beneficiary is kept, too."""
    await stage.save(scene.order.body()["beneficiary"])
    await scene.order.place(stage)


async def is_told_elsewhere(stage: ChaosStage, scene: Scene) -> None:
    """Its app wants its callbacks at one more place."""
    await stage.listen_at(f"http://127.0.0.1:9/{scene.order.reference}")
    await scene.order.place(stage)


async def finds_it_full(stage: ChaosStage, scene: Scene) -> None:
    """The channel takes one at a time, and has one."""
    await scene.blocker().place(stage)
    await scene.order.place(stage)


async def is_overtaken_at_once(stage: ChaosStage, scene: Scene) -> None:
    """Somebody else has written it before we take our first step."""
    with stage.store.somebody_else_writes_at_once(scene.order.reference):
        await scene.order.place(stage)


async def loses_its_lease(stage: ChaosStage, scene: Scene) -> None:
    """Another node takes the payout while our submit is open."""
    if scene.order.channel == "mock":
        scene.order.account = scene.order.account[:-4] + SLOW  # its own way to leave a submit open
    else:
        lost = scene.order.account.endswith(ENDINGS[Deed.NEVER_GOT_IT])
        fault = "timeout_before" if lost else "timeout_after"
        await stage.inner.control(scene.order.channel, "/faults", {"fault": fault, "method": "POST"})
    await scene.order.place(stage)
    assert scene.order.payout_id is not None
    while (await stage.payout(scene.order.payout_id))["status"] == "accepted":
        await asyncio.sleep(0.01)
    assert stage.store.somebody_else_took(scene.order.reference)


async def is_late(stage: ChaosStage, scene: Scene) -> None:
    """The answer comes after the deadline."""
    scene.order.account = scene.order.account[:-4] + SLOW
    await scene.order.place(stage)


async def places_under_two_people(stage: ChaosStage, scene: Scene) -> None:
    await stage.add_people()
    await scene.order.place(stage)


async def is_released(stage: ChaosStage, scene: Scene) -> None:
    """It is held, because whoever worked on it died three times in a row; two people let it go on."""
    await scene.order.place(stage)
    assert scene.order.payout_id is not None
    while not (await stage.payout(scene.order.payout_id))["under_review"]:
        await asyncio.sleep(0.01)
    ask = {"kind": "release", "payout_id": scene.order.payout_id, "reason": "the channel is back"}
    one, other = stage.tokens
    made = await stage.ask_as(one, "/admin/v1/requests", ask)
    await stage.ask_as(other, f"/admin/v1/requests/{made['id']}/approve")


async def is_told_again(stage: ChaosStage, scene: Scene) -> None:
    """Somebody at the desk sends an event once more."""
    await scene.order.place(stage)
    about = f"/admin/v1/payouts/{scene.order.payout_id}"
    shown = await stage.look_as(stage.tokens[0], about)
    await stage.ask_as(stage.tokens[0], f"{about}/events/{shown['callbacks'][0]['event_id']}/redeliver")


async def adds_somebody(stage: ChaosStage, scene: Scene) -> None:
    await stage.ask_as(stage.tokens[0], "/admin/v1/principals", {"name": f"somebody-{scene.order.reference}"})


async def holds_a_channel_back(stage: ChaosStage, scene: Scene) -> None:
    """Somebody gives the mock fewer payouts; the one under way is followed all the same."""
    held = {"weight": 50, "reason": f"for {scene.order.reference}"}
    await stage.ask_as(stage.tokens[0], "/admin/v1/channels/mock/overrides", held)


async def attempt_until_death(stage: ChaosStage, scene: Scene, act: Act) -> None:
    """Do what the row's outside does; an answer that never comes is what it is about."""
    with contextlib.suppress(Died, TimeoutError):  # too late is found by whoever waits for the death
        async with asyncio.timeout(ACT_WITHIN_S):
            await act(stage, scene)
