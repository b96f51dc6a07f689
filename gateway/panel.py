"""What people do to a channel while it runs: drain it, switch it off, give it less, and take that back.

Written down before it is in force. It can only take traffic away (`gateway.domain.override`), so one person is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.domain.audit import Act, Deed
from gateway.domain.errors import NotFound, RequestRefused
from gateway.domain.override import OVERRIDES_MAX, Override, of
from gateway.failpoints import Commit, Unit
from gateway.operations.nodes import Node, Nodes
from gateway.operations.panel import Reloaded, Shown, StillMay, Wanted
from gateway.operations.reload_state import ReloadState
from gateway.reload import Reloader
from gateway.store.port import Tx
from gateway.switch import Loaded, Switch
from gateway.world import World
from routing.coverage import lost

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class RunningPanel:
    """`gateway.operations.panel.Panel` over a running gateway."""

    def __init__(
        self, switch: Switch, reloader: Reloader, world: World, nodes: Nodes, tell: Callable[[], None]
    ) -> None:
        """`tell` says to the other nodes that there are other overrides."""
        self._switch = switch
        self._reloader = reloader
        self._world = world
        self._nodes = nodes
        self._tell = tell

    @property
    def state(self) -> ReloadState:
        return self._switch.reloads.state

    async def reload(self, by: str, *, force: bool = False) -> Reloaded:
        return await self._reloader.reload(by, force=force)

    def nodes(self) -> tuple[Node, ...]:
        own = Node(self._nodes.own, self.state.sha256)
        return (own, *self._nodes.others(self._world.clock.monotonic()))

    def shown(self) -> tuple[Shown, ...]:
        loaded, now = self._switch.loaded, self._world.clock.now()
        in_force = self._switch.in_force.services.channels
        return tuple(
            Shown(name, handle, in_force[name], of(name, loaded.overrides, now))
            for name, handle in sorted(loaded.built.handles.items())
        )

    async def set(self, wanted: Wanted, still_may: StillMay) -> Override:
        now = self._world.clock.now()
        made = Override(
            id=f"ov_{self._world.new_uuid().hex}",
            channel=wanted.channel,
            state=wanted.state,
            weight=wanted.weight,
            reason=wanted.reason,
            created_by=wanted.by,
            created_at=now,
            expires_at=wanted.expires_at,
        )

        async def choose(loaded: Loaded) -> tuple[Override, ...]:
            _check_known(loaded, wanted.channel)

            def unit(tx: Tx) -> tuple[Override, ...]:
                still_may(tx)
                known = tuple(tx.overrides(now))
                _check_room(known)
                if not wanted.force:
                    _check_served(loaded, (*known, made), now)
                tx.add_override(made)
                tx.append_audit(_deed(Act.OVERRIDE_SET, made, wanted.by, now))
                return (*known, made)

            return await self._reloader.store.run(Unit(Commit.CONFIG, unit))

        await self._reloader.hold(choose)
        self._tell()
        log.warning(
            "channel.held_back", channel=made.channel, state=made.state, weight=made.weight, by=made.created_by,
            why=made.reason, until=str(made.expires_at),
        )  # fmt: skip
        return made

    async def lift(self, channel: str, by: str, still_may: StillMay) -> tuple[Override, ...]:
        now = self._world.clock.now()
        lifted: list[Override] = []

        async def choose(loaded: Loaded) -> tuple[Override, ...]:
            _check_known(loaded, channel)

            def unit(tx: Tx) -> tuple[Override, ...]:
                still_may(tx)
                known = tuple(tx.overrides(now))
                lifted[:] = [replace(each, lifted_by=by, lifted_at=now) for each in of(channel, known, now)]
                for each in lifted:
                    tx.lift_override(each)
                    tx.append_audit(_deed(Act.OVERRIDE_LIFTED, each, by, now))
                return tuple(each for each in known if each.channel != channel)

            return await self._reloader.store.run(Unit(Commit.CONFIG, unit))

        await self._reloader.hold(choose)
        self._tell()
        log.warning("channel.let_go", channel=channel, overrides=len(lifted), by=by)
        return tuple(lifted)


def _deed(act: Act, override: Override, by: str, now: datetime) -> Deed:
    until = None if override.expires_at is None else override.expires_at.isoformat()
    detail = {"id": override.id, "state": override.state, "weight": override.weight, "reason": override.reason}
    return Deed(now, by, act, override.channel, {**detail, "until": until})


def _check_known(loaded: Loaded, channel: str) -> None:
    if channel not in loaded.built.handles:
        raise NotFound(channel)


def _check_room(known: Sequence[Override]) -> None:
    if len(known) >= OVERRIDES_MAX:
        raise RequestRefused("too_many", f"{OVERRIDES_MAX} overrides are active: lift some")


def _check_served(loaded: Loaded, overrides: tuple[Override, ...], now: datetime) -> None:
    gone = lost(loaded.policies(now), replace(loaded, overrides=overrides).policies(now))
    if gone:
        told = ", ".join(f"{currency} to {kind}" for currency, kind in gone)
        raise RequestRefused("last_channel", f"no channel would be left that pays {told}")
