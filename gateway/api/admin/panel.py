"""The panel's calls: channels with what holds them back, overrides, and taking up the configuration file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from gateway.api.admin.handlers import bearer_of, principal_of
from gateway.api.admin.views import Json, moment
from gateway.api.problems import Code, Fault, Refused
from gateway.api.reading import Body, read
from gateway.api.responses import as_json
from gateway.api.routes import Access, Answer, Call, Route
from gateway.config.errors import ConfigError
from gateway.domain.override import LASTS_MAX, Override
from gateway.domain.view import timestamp
from gateway.operations.nodes import Node
from gateway.operations.panel import Panel, Reloaded, Shown, StillMay, Wanted
from gateway.operations.principals import still_may
from gateway.operations.reload_state import ReloadState
from gateway.operations.services import Current


class HoldBack(Body):
    """How far a channel is to be held back, why, for how many seconds (for ever if nothing is said), and whether even
    if nobody is left who pays some currency.
    """

    state: Literal["draining", "disabled"] | None = None
    weight: Annotated[int, Field(ge=0, le=99)] | None = None
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
    expires_in_s: Annotated[int, Field(ge=1, le=int(LASTS_MAX.total_seconds()))] | None = None
    force: bool = False


class TakeUp(Body):
    """Whether even if the file leaves some currency without a channel."""

    force: bool = False


class Switches:
    """The handlers."""

    def __init__(self, current: Current, panel: Panel) -> None:
        self._current = current
        self._panel = panel

    async def channels(self, call: Call) -> web.StreamResponse:
        channels, nodes = self._panel.shown(), self._panel.nodes()
        ours = nodes[0].sha256
        return as_json(
            {"data": [channel_view(each) for each in channels], "nodes": [node_view(each, ours) for each in nodes]}
        )

    async def hold_back(self, call: Call) -> web.StreamResponse:
        wanted, now = read(HoldBack, call.body), self._current.services.clock.now()
        if wanted.state is None and wanted.weight is None:
            raise Refused(Code.INVALID_REQUEST, faults=[Fault("/state", "missing", "give a state, a weight or both")])
        lasts = None if wanted.expires_in_s is None else timedelta(seconds=wanted.expires_in_s)
        asked = Wanted(
            channel=call.path["channel"],
            state=wanted.state,
            weight=wanted.weight,
            reason=wanted.reason.strip(),
            by=principal_of(call),
            expires_at=None if lasts is None else now + lasts,
            force=wanted.force,
        )
        return as_json(override_view(await self._panel.set(asked, self._still_may(call))), 201)

    async def lift(self, call: Call) -> web.StreamResponse:
        lifted = await self._panel.lift(call.path["channel"], principal_of(call), self._still_may(call))
        return as_json({"data": [override_view(each) for each in lifted]})

    async def config(self, call: Call) -> web.StreamResponse:
        return as_json(config_view(self._panel.state))

    async def reload(self, call: Call) -> web.StreamResponse:
        """409 with every fault, each with its line, for a file that is refused."""
        wanted = read(TakeUp, call.body)
        try:
            done = await self._panel.reload(principal_of(call), force=wanted.force)
        except ConfigError as error:
            faults = [Fault("", "config_refused", str(fault)) for fault in error.faults]
            raise Refused(Code.REQUEST_REFUSED, faults=faults) from None
        return as_json(reloaded_view(done))

    def _still_may(self, call: Call) -> StillMay:
        return still_may(self._current.services, bearer_of(call))


def channel_view(shown: Shown) -> Json:
    file, policy, guard = shown.by_file.policy, shown.in_force.policy, shown.in_force.guard
    return {
        "object": "channel",
        "name": shown.name,
        "state": str(policy.state),
        "weight": policy.weight,
        "file": {"state": str(file.state), "weight": file.weight},
        "currencies": sorted(policy.currencies),
        "methods": sorted(map(str, policy.kinds)),
        "breaker": str(guard.breaker_state),
        "in_flight": guard.in_flight,
        "overrides": [override_view(each) for each in shown.overrides],
    }


def node_view(node: Node, ours: str) -> Json:
    return {"object": "node", "name": node.name, "sha256": node.sha256, "same_config": node.sha256 == ours}


def override_view(override: Override) -> Json:
    return {
        "object": "override",
        "id": override.id,
        "channel": override.channel,
        "state": override.state,
        "weight": override.weight,
        "reason": override.reason,
        "created_by": override.created_by,
        "created_at": timestamp(override.created_at),
        "expires_at": moment(override.expires_at),
        "lifted_by": override.lifted_by,
        "lifted_at": moment(override.lifted_at),
    }


def config_view(state: ReloadState) -> Json:
    return {
        "object": "config",
        "sha256": state.sha256,
        "since": timestamp(state.since),
        "last_reload_ok": state.ok,
        "last_reload_at": timestamp(state.tried_at),
        "faults": list(state.faults),
        "overrides_active": state.overrides_active,
    }


def reloaded_view(done: Reloaded) -> Json:
    return {
        "object": "reload",
        "outcome": str(done.outcome),
        "sha256": done.sha256,
        "changes": list(done.changes),
    }


_BODY = frozenset({Code.INVALID_JSON, Code.INVALID_REQUEST})
_CHANGES = frozenset({Code.REQUEST_REFUSED, Code.COMMIT_UNKNOWN})
_ONE = _CHANGES | {Code.NOT_FOUND}


def panel_routes(switches: Switches) -> tuple[Route, ...]:
    """What tends channels and configuration."""
    return (
        Route(
            "GET",
            "/admin/v1/channels",
            Access.PERSON,
            "listChannels",
            "Every channel: its state and weight in force and by the file, and what holds it back",
            switches.channels,
            (Answer(200, "The channels, by name; and the nodes at work, the one that answers first"),),
        ),
        Route(
            "POST",
            "/admin/v1/channels/{channel}/overrides",
            Access.PERSON,
            "holdChannelBack",
            "Drain a channel, switch it off, or give it less, beside the file",
            switches.hold_back,
            (Answer(201, "In force"),),
            _BODY | _ONE,
            body=HoldBack,
        ),
        Route(
            "DELETE",
            "/admin/v1/channels/{channel}/overrides",
            Access.PERSON,
            "liftOverrides",
            "Take back all that holds a channel back beside the file",
            switches.lift,
            (Answer(200, "Those that did; the file is in force again"),),
            _ONE,
        ),
        Route(
            "GET",
            "/admin/v1/config",
            Access.PERSON,
            "showConfig",
            "Which configuration is in force, and how the last reload went",
            switches.config,
            (Answer(200, "Where it stands"),),
        ),
        Route(
            "POST",
            "/admin/v1/config/reload",
            Access.PERSON,
            "reloadConfig",
            "Put the configuration file in force as it is now",
            switches.reload,
            (Answer(200, "In force, or the same as before"),),
            _BODY | _CHANGES,
            body=TakeUp,
        ),
    )
