"""A running gateway takes another configuration whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.domain.audit import Act
from gateway.domain.changes import open_attempt
from gateway.domain.errors import StoreUnavailable
from gateway.domain.payout import Payout
from gateway.operations.panel import Outcome
from gateway.operations.services import ChannelHandle
from gateway.store.port import Tx
from routing.guard import RefusedBeforeSend, Verdict
from routing.policy import ChannelState
from tests.support.builders import an_opening
from tests.support.clock import settle
from tests.support.config_files import line_of
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S

BETA = FILE[FILE.index("[channels.beta]") : FILE.index("[apps.demo]")]
DRAINED = FILE.replace("[channels.alpha]\n", '[channels.alpha]\nstate = "draining"\n')


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveGateway]:
    async with live_gateway(tmp_path) as opened:
        yield opened


def channels(live: LiveGateway) -> dict[str, ChannelHandle]:
    return dict(live.gateway.services.channels)


async def refusal(live: LiveGateway, text: str) -> list[str]:
    """The faults of a file that is refused; nothing may have changed."""
    before, sha256 = live.gateway.in_force.snapshot, live.gateway.reloads.state.sha256
    live.write(text)
    with pytest.raises(ConfigError) as refused:
        await live.gateway.reloader.reload("person:ada")
    assert live.gateway.in_force.snapshot is before
    state = live.gateway.reloads.state
    assert (state.ok, state.sha256) == (False, sha256)
    told = [str(fault).removeprefix(f"{live.path}:") for fault in refused.value.faults]
    assert state.faults == tuple(f"{live.path}:{each}" for each in told)
    return told


async def test_a_change_comes_into_force_and_is_written_down(live: LiveGateway) -> None:
    """Who, when, what: in the store; and only what changed is another object."""
    before = channels(live)
    live.write(DRAINED)
    done = await live.gateway.reloader.reload("person:ada")
    assert done.outcome is Outcome.RELOADED
    assert done.changes == ('channels.alpha.state: "enabled" -> "draining"',)
    after = channels(live)
    assert after["alpha"].policy.state is ChannelState.DRAINING
    assert after["beta"] is before["beta"]
    assert (after["alpha"].channel, after["alpha"].guard) == (before["alpha"].channel, before["alpha"].guard)
    (line,) = await live.gateway.services.store.read(lambda tx: tx.audit(0, 9))
    assert (line.deed.actor, line.deed.act, line.deed.subject) == ("person:ada", Act.CONFIG_TAKEN_UP, done.sha256)
    assert line.deed.detail["changes"] == done.changes[0]
    state = live.gateway.reloads.state
    assert (state.ok, state.sha256, state.faults) == (True, done.sha256, ())


async def test_the_same_content_is_nothing(live: LiveGateway) -> None:
    """Written again, it is not even a new snapshot."""
    before = live.gateway.in_force.snapshot
    live.rename_over(FILE)
    assert (await live.gateway.reloader.reload("signal")).outcome is Outcome.UNCHANGED
    assert live.gateway.in_force.snapshot is before
    assert await live.gateway.services.store.read(lambda tx: tx.audit(0, 9)) == []


async def test_a_broken_file_changes_nothing_and_names_its_line(live: LiveGateway) -> None:
    """And the right file again is well again, though it is the one in force."""
    broken = FILE.replace("amount = 200", "amount = -1")
    (told,) = await refusal(live, broken)
    assert told == f"{line_of(broken, 'amount = -1')}: channels.beta.fees.0.amount: must be at least 0 (got -1)"
    finding = (await live.gateway.health.findings())["config"]
    assert finding.ok
    assert told in finding.detail
    live.write(FILE)
    await live.gateway.reloader.look()
    assert live.gateway.reloads.state.ok


async def test_a_refused_file_is_looked_at_once(live: LiveGateway) -> None:
    """Events in the folder do not refuse it again and again; a person may."""
    await refusal(live, "version = 2")
    tried_at = live.gateway.reloads.state.tried_at
    await live.gateway.reloader.look()
    assert live.gateway.reloads.state.tried_at == tried_at
    with pytest.raises(ConfigError):
        await live.gateway.reloader.reload("person:ada")
    assert live.gateway.reloads.state.tried_at > tried_at


RESTART = {
    "gateway.listen": ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:18099"'),
    "gateway.database": ("[gateway]", '[gateway]\ndatabase = "sqlite:other.db"'),
    "gateway.state_dir": ("[gateway]", '[gateway]\nstate_dir = "elsewhere"'),
    "worker.concurrency": ("[channels.alpha]", "[worker]\nconcurrency = 7\n[channels.alpha]"),
    "limits.connections": ("[channels.alpha]", "[limits]\nconnections = 777\n[channels.alpha]"),
    "gateway.identity_key": ("[gateway]", '[gateway]\nidentity_key = "file:state/keys/sealing_key"'),
}


@pytest.mark.parametrize("key", RESTART)
async def test_what_needs_a_restart_is_refused_by_name(live: LiveGateway, key: str) -> None:
    """Its line, its key, what it was and what it would be."""
    old, new = RESTART[key]
    text = FILE.replace(old, new, 1)
    (told,) = await refusal(live, text)
    assert told.startswith(f"{line_of(text, new.splitlines()[-2 if 'channels' in new else -1])}: {key}: ")
    assert "at a restart only" in told


async def in_flight(live: LiveGateway, name: str, reference: str) -> Payout:
    """A payout with an attempt that is on its way, as a worker leaves it."""
    ground, now = channels(live)[name].channel.ground, live.gateway.services.clock.now()
    made = await live.accept(reference, begins=False)

    def unit(tx: Tx) -> Payout:
        before = tx.payout(made.id)
        assert before is not None
        return tx.save(before, open_attempt(before, an_opening(before, name, ground), now), None)

    return await live.gateway.services.store.run(unit)


async def test_a_channel_with_live_attempts_cannot_be_removed(live: LiveGateway) -> None:
    """Refused with their number; what was shut for the count is open again."""
    for number in range(3):
        await in_flight(live, "beta", f"order-{number}")
    (told,) = await refusal(live, FILE.replace(BETA, ""))
    assert "channels.beta: was removed with 3 live attempts" in told
    channels(live)["beta"].guard.admit().release(Verdict.NO_EVIDENCE)


async def test_a_channel_with_live_attempts_cannot_move(live: LiveGateway) -> None:
    """Another account (here: another book) is another channel, and its attempts could not be followed."""
    await in_flight(live, "beta", "order-1")
    moved = FILE.replace("[apps.demo]", '[channels.beta.settings]\nbook = "elsewhere.book"\n[apps.demo]')
    (told,) = await refusal(live, moved)
    assert "channels.beta: changed with 1 live attempts (base address" in told


async def test_a_submit_whose_intent_is_not_stored_yet_counts(live: LiveGateway) -> None:
    """Between the permit and the commit of the intent the store knows nothing: the guard does."""
    permit = channels(live)["beta"].guard.admit()
    (told,) = await refusal(live, FILE.replace(BETA, ""))
    assert "channels.beta: is to go with 1 submits under way" in told
    permit.release(Verdict.NO_EVIDENCE)


async def test_an_idle_channel_goes_and_is_closed_after_its_last_call(live: LiveGateway) -> None:
    """It takes nothing new at once; a question that is under way still gets its answer."""
    beta, over, closed = channels(live)["beta"], asyncio.Event(), asyncio.Event()

    async def close() -> None:
        closed.set()

    beta.channel.close = close  # type: ignore[method-assign]  # to be told
    question = asyncio.create_task(beta.calls.through(over.wait))
    await asyncio.sleep(0)
    live.write(FILE.replace(BETA, ""))
    await live.gateway.reloader.reload("person:ada")
    assert set(channels(live)) == {"alpha"}
    with pytest.raises(RefusedBeforeSend):
        beta.guard.admit()
    await settle()
    assert not closed.is_set()
    over.set()
    await question
    async with asyncio.timeout(PATIENCE_S):
        await closed.wait()


async def test_a_channel_that_comes_can_be_paid_through(live: LiveGateway) -> None:
    """It is started and known to the high-water file before it is in force (R15)."""
    live.write(FILE + BETA.replace("beta", "gamma"))
    await live.gateway.reloader.reload("person:ada")
    assert set(channels(live)) == {"alpha", "beta", "gamma"}
    assert "gamma" in (live.folder / "state/paymux.db.high-water").read_text()
    assert "gamma" in live.gateway.services.standing.now.channels
    assert set(live.gateway.in_force.snapshot.notify_tokens) == {"alpha", "beta", "gamma"}


async def test_a_changed_connection_is_a_new_one_behind_the_same_door(live: LiveGateway) -> None:
    """More calls at once want another pool; what its breaker knows and what is under way is not forgotten."""
    before = channels(live)["beta"]
    permit = before.guard.admit()
    live.write(FILE.replace(BETA, BETA + "limits = { in_flight = 2 }\n"))
    await live.gateway.reloader.reload("person:ada")
    after = channels(live)["beta"]
    assert after.channel is not before.channel
    assert after.guard is before.guard
    after.guard.admit()
    with pytest.raises(RefusedBeforeSend):
        after.guard.admit()
    permit.release(Verdict.NO_EVIDENCE)
    after.guard.admit()


async def test_what_was_learned_stays(live: LiveGateway) -> None:
    """Health and arrivals are the node's, not the configuration's; work begun under the old one teaches the new."""
    old = live.gateway.services.router
    live.write(DRAINED)
    await live.gateway.reloader.reload("person:ada")
    new = live.gateway.services.router
    assert new is not old
    assert (new.book, new.arrivals) == (old.book, old.arrivals)
    assert new.book is old.book


async def test_the_last_channel_is_not_switched_off_unless_forced(live: LiveGateway) -> None:
    """Nobody would be left who pays CNY to bank accounts."""
    off = FILE.replace('adapter = "mock"', 'adapter = "mock"\nstate = "disabled"')
    (told,) = await refusal(live, off)
    assert "nobody is left who pays CNY to bank_account" in told
    assert (await live.gateway.reloader.reload("person:ada", force=True)).outcome is Outcome.RELOADED
    assert live.gateway.services.steps.disabled_channels == {"alpha", "beta"}


async def test_a_store_that_is_gone_refuses_it(live: LiveGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written down does not come into force."""

    async def gone(_unit: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(live.gateway.services.store, "run", gone)
    (told,) = await refusal(live, DRAINED)
    assert "could not be written down" in told
