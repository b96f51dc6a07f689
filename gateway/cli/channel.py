"""`paymux channel`: take traffic off a channel of a running gateway, and give it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter
from pydantic_core import PydanticCustomError

from gateway.cli.client import Json, Me, Misused, Reach, ask, part, show, spoken, token_of
from gateway.config.durations import parse_duration

CHANNELS = "/admin/v1/channels"

_REACH, _ME = Reach(), Me()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Why:
    """What is said of an override."""

    reason: str
    """Why, in words. It is shown beside the channel."""
    for_: Annotated[str | None, Parameter(name="--for")] = None
    """For how long: 30m, 2h, 7d. Until `channel enable` unless given."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Hold(Why):
    """And of one that takes a channel out."""

    force: Annotated[bool, Parameter(negative="")] = False
    """Even if nobody is left who pays some currency."""


channel = App(name="channel", help="The channels of a running gateway: look, hold back, let go.")


@channel.command
def ls(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Every channel: its state and weight, its breaker, and who holds it back why.

    Example: `python -m gateway channel ls --token-file ada.token`
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "GET", CHANNELS), _listed)


@channel.command
def drain(name: str, /, *, hold: Hold, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Send it nothing new; what it has is followed to the end.

    Example: `python -m gateway channel drain alpha --for 2h --reason "it answers slowly"`

    Parameters
    ----------
    name
        Which channel.
    """
    _hold_back(name, {"state": "draining", "force": hold.force}, hold, me, reach)


@channel.command
def disable(name: str, /, *, hold: Hold, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Send it nothing at all, no repeats either; it is still asked about what it has.

    Example: `python -m gateway channel disable alpha --for 30m --reason "it pays twice"`

    Parameters
    ----------
    name
        Which channel.
    """
    _hold_back(name, {"state": "disabled", "force": hold.force}, hold, me, reach)


@channel.command
def weigh(name: str, weight: int, /, *, why: Why, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Let it take part in fewer payouts than the file does: so many in a hundred.

    Example: `python -m gateway channel weigh alpha 10 --for 2h --reason "see how it does"`

    Parameters
    ----------
    name
        Which channel.
    weight
        0 to 99. The others are left to other channels, where there are any.
    """
    _hold_back(name, {"weight": weight}, why, me, reach)


@channel.command
def enable(name: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Take back all that `drain`, `disable` and `weigh` did. What the file disables stays disabled.

    Example: `python -m gateway channel enable alpha`

    Parameters
    ----------
    name
        Which channel.
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "DELETE", f"{_path(name)}/overrides"), _lifted)


def _hold_back(name: str, how: Json, why: Why, me: Me, reach: Reach) -> None:
    with spoken(reach):
        lasts = {} if why.for_ is None else {"expires_in_s": _seconds(why.for_)}
        body = {**how, **lasts, "reason": why.reason}
        show(reach, ask(reach, token_of(me), "POST", f"{_path(name)}/overrides", body), _held)


def _seconds(text: str) -> int:
    try:
        return max(int(parse_duration(text)), 1)
    except PydanticCustomError as error:
        raise Misused(f"--for: {error.message()}") from error


def _path(name: str) -> str:
    checked = part(name, "a channel's name", "-_")
    return f"{CHANNELS}/{checked}"


# In words ----------------------------------------------------------------------------------------------------------


def _listed(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        file = each["file"]
        held = (
            ""
            if (each["state"], each["weight"]) == (file["state"], file["weight"])
            else (f" (file: {file['state']}, weight {file['weight']})")
        )
        yield (
            f"{each['name']}: {each['state']}, weight {each['weight']}{held}; breaker {each['breaker']}, "
            f"{each['in_flight']} in flight; {', '.join(each['currencies'])} to {', '.join(each['methods'])}"
        )
        yield from (f"  {_override(override)}" for override in each["overrides"])
    if not answer["data"]:
        yield "there are no channels"
    here, *others = answer["nodes"]
    for node in others:
        if not node["same_config"]:
            yield (
                f"{node['name']} runs another file: sha256 {node['sha256'][:12]}; "
                f"{here['name']}, which answers: {here['sha256'][:12]}"
            )


def _held(answer: Json) -> Iterator[str]:
    yield f"{answer['channel']}: {_override(answer)}"


def _lifted(answer: Json) -> Iterator[str]:
    yield from (f"lifted: {_override(each)}" for each in answer["data"])
    if not answer["data"]:
        yield "nothing held it back beside the file"


def _override(override: Json) -> str:
    weight = None if override["weight"] is None else f"weight {override['weight']}"
    what = ", ".join(word for word in (override["state"], weight) if word)
    until = f"until {override['expires_at']}" if override["expires_at"] else "until lifted"
    return f"{what} {until}, by {override['created_by']} at {override['created_at']}: {override['reason']}"
