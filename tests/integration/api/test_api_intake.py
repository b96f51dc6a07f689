"""When many want in: quotas are told and kept, a flood is turned away unread, and each kind of work has its places."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.admission.commit_wait import Pressure
from gateway.admission.limits import IntakeLimits, KeyLimits, Load
from gateway.api.intake import Intake
from gateway.api.problems import Code, Refused
from gateway.failpoints import Commit, Unit
from tests.support.api_server import NOTIFY_TOKEN, RIVAL, SHOP, http, make_server
from tests.support.clock import FakeClock, settle
from tests.support.crowd import AT_ONCE, Crowd
from tests.support.patience import PATIENCE_S


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    made = Crowd(make_server(tmp_path))
    await made.api.start()
    yield made
    await made.api.stop()


def shop(**limits: int) -> IntakeLimits:
    return replace(AT_ONCE, apps={"shop": KeyLimits(**limits)})


async def test_every_answer_says_what_the_key_has_left(crowd: Crowd) -> None:
    """Two policies, by the names of the draft: a rate that refills, and how many may run at once."""
    crowd.limit(shop(rps=10, in_flight=4))
    left = []
    for _ in range(3):
        answer = await crowd.api.create(crowd.api.order())
        assert answer.status == 201
        policy = '"rate";q=10;w=1, "concurrent";q=4;qu="concurrent-requests"'
        assert answer.headers["ratelimit-policy"] == policy
        left.append(answer.headers["ratelimit"])
    assert left == [f'"rate";r={rate};t=1, "concurrent";r=3' for rate in (9, 8, 7)]
    crowd.api.clock.move(0.2)
    assert (await crowd.api.signed("GET", "/v1/payouts")).headers["ratelimit"].startswith('"rate";r=8;')


async def test_over_its_rate_a_key_waits_and_its_neighbour_does_not(crowd: Crowd) -> None:
    """429 with a time to come again and nothing stored; another app's key is not touched; later it is served."""
    crowd.limit(shop(rps=2))
    statuses = [(await crowd.api.create(crowd.api.order())).status for _ in range(2)]
    order = crowd.api.order()
    refused = await crowd.api.create(order)
    assert statuses == [201, 201]
    assert (refused.status, refused.json()["code"]) == (429, "quota_exceeded")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"].startswith('"rate";r=0;t=1,')
    assert (await crowd.api.create(crowd.api.order(), by=RIVAL)).status == 201
    crowd.api.clock.move(0.5)
    assert (await crowd.api.create(order)).status == 201
    assert crowd.intake.turned_away == {"quota": 1}
    assert (crowd.intake.refused_lately, crowd.intake.crowded_lately) == (True, False), "nobody's payouts give way"


async def test_a_forged_head_uses_up_nobodys_quota(crowd: Crowd) -> None:
    """Requests that claim a key and cannot prove it are 401 and count for nothing of its."""
    crowd.limit(shop(rps=2, in_flight=2))
    for _ in range(10):
        headers = crowd.api.auth("GET", "/v1/payouts", by=SHOP)
        assert (await crowd.api.send("GET", "/v1/payouts?limit=1", headers=headers)).status == 401
    served = await crowd.api.signed("GET", "/v1/payouts")
    assert (served.status, served.headers["ratelimit"]) == (200, '"rate";r=1;t=1, "concurrent";r=1')


async def test_a_wait_too_long_is_refused_unread(crowd: Crowd) -> None:
    """The head is enough for a 503: the body is not waited for, no signature is checked, nothing is logged a line each;
    reads go on, and so do orders as soon as the disk has caught up."""
    crowd.pressure = Pressure(queued=900, wait_s=2.5)
    order = crowd.api.order()
    body = json.dumps(order).encode()
    head = http("POST", "/v1/payouts", body, crowd.api.auth("POST", "/v1/payouts", body))[: -len(body)]
    with capture_logs() as lines:
        answers = [await crowd.api.raw(head) for _ in range(20)]
    assert {(answer.status, answer.json()["code"]) for answer in answers} == {(503, "overloaded")}
    assert {answer.headers["retry-after"] for answer in answers} == {"3"}
    assert [line["event"] for line in lines if line["log_level"] != "debug"] == ["api.turned_away"]
    assert (await crowd.api.signed("GET", "/v1/payouts")).status == 200
    crowd.pressure = Pressure(queued=900, wait_s=0.9)
    assert (await crowd.api.create(order)).status == 201


async def test_the_queues_last_part_is_kept_for_notifications(crowd: Crowd) -> None:
    """Orders may fill half of the commit queue, reads seven tenths, notifications all of it."""

    async def taken() -> tuple[int, int, int]:
        order = await crowd.api.create(crowd.api.order())
        read = await crowd.api.signed("GET", "/v1/payouts")
        heard = await crowd.api.send("POST", f"/notify/ear/{NOTIFY_TOKEN}", b"{}")
        return order.status, read.status, heard.status

    seen = []
    for queued in (99, 100, 139, 140, 199, 200):
        crowd.limit(replace(AT_ONCE, commit_queue=200))
        crowd.pressure = Pressure(queued)
        seen.append(await taken())
    assert seen == [
        (201, 200, 418),
        (503, 200, 418),
        (503, 200, 418),
        (503, 503, 418),
        (503, 503, 418),
        (503, 503, 503),
    ]
    assert crowd.intake.turned_away == {"orders": 5, "reads": 3, "notifications": 1}
    assert crowd.intake.crowded_lately


class Slow:
    """A store on which every order waits until it is let go."""

    def __init__(self, crowd: Crowd) -> None:
        self.arrived = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        run = crowd.api.store.store.run

        async def wait(unit: object) -> object:
            if isinstance(unit, Unit) and unit.name == Commit.ACCEPT:
                self.arrived.release()
                await self.go_on.wait()
            return await run(unit)  # type: ignore[arg-type]  # whatever it is, it is passed on

        crowd.api.store.store.run = wait  # type: ignore[method-assign, assignment]  # this test's own store


async def test_a_flood_of_one_app_leaves_places_to_another(crowd: Crowd) -> None:
    """Eight places: one app asks for all of them, and the other's two are still taken in. All that got in is stored."""
    crowd.limit(replace(AT_ONCE, orders=8))
    assert (await crowd.api.signed("POST", "/v1/payouts", b"{}", by=RIVAL)).status == 400  # RIVAL is there, too
    slow = Slow(crowd)
    flood = [asyncio.create_task(crowd.api.create(crowd.api.order())) for _ in range(30)]
    for _ in range(6):
        async with asyncio.timeout(PATIENCE_S):
            await slow.arrived.acquire()
    small = [asyncio.create_task(crowd.api.create(crowd.api.order(), by=RIVAL)) for _ in range(2)]
    for _ in small:
        async with asyncio.timeout(PATIENCE_S):
            await slow.arrived.acquire()
    assert crowd.intake.inside["orders"] == 8
    slow.go_on.set()
    answers = await asyncio.gather(*flood)
    assert [(await task).status for task in small] == [201, 201]
    assert sorted(answer.status for answer in answers) == [201] * 6 + [503] * 24
    assert crowd.intake.inside == {"orders": 0, "reads": 0, "streams": 0, "batches": 0, "notifications": 0}


# Held back -----------------------------------------------------------------------------------------------------------


async def turned_away(intake: Intake, limits: IntakeLimits, hung_up: list[int]) -> Code:
    visit = intake.visit(Load.ORDERS, limits, None, lambda: hung_up.append(1))
    with pytest.raises(Refused) as refused:
        await visit.look()
    return refused.value.code


async def test_refusals_are_held_back_and_the_number_of_them_is_bounded() -> None:
    """Two are held back for half a second, the third has its connection closed at once."""
    clock, hung_up = FakeClock(), list[int]()
    intake = Intake(clock, lambda: Pressure(1, 9.0))
    limits = IntakeLimits(paused=2, pause_s=0.5)
    tasks = [asyncio.create_task(turned_away(intake, limits, hung_up)) for _ in range(3)]
    await settle()
    assert ([task.done() for task in tasks], intake.paused, hung_up) == ([False, False, True], 2, [1])
    await clock.advance(0.499)
    assert not tasks[0].done()
    await clock.advance(0.001)
    assert [await task for task in tasks] == [Code.OVERLOADED] * 3
    assert (intake.paused, intake.turned_away) == (0, {"orders": 3})


async def test_a_client_that_goes_away_gives_its_place_back() -> None:
    """Cancelled while it is held back: the next one has its place there."""
    clock = FakeClock()
    intake = Intake(clock, lambda: Pressure(1, 9.0))
    task = asyncio.create_task(turned_away(intake, IntakeLimits(), []))
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert intake.paused == 0
