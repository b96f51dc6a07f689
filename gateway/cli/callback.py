"""`paymux callback`: what apps were told, what was given up, and telling it once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from cyclopts import App, Parameter

from gateway.cli.client import Json, Me, Misused, Reach, ask, show, spoken, token_of
from gateway.cli.payout_words import PAYOUTS, callback_line, callback_lines, path_of
from gateway.secret import Secret

PARKED = "/admin/v1/callbacks/parked"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Window:
    """Callbacks that were given up, over all payouts."""

    parked: Annotated[bool, Parameter(negative="")] = False
    """Not of one payout: all that were given up, or as far as the next four say."""
    app: str | None = None
    """Only this app's."""
    endpoint: str | None = None
    """Only those for this endpoint: ep_…"""
    since: str | None = None
    """Only those given up at this time or later: RFC 3339 with its offset."""
    until: str | None = None
    """Only those given up before this time."""

    def asked(self) -> dict[str, str]:
        """What was said of it. Raises `Misused` where nothing of it was to be said."""
        given = {"app": self.app, "endpoint": self.endpoint, "since": self.since, "until": self.until}
        found = {name: value for name, value in given.items() if value is not None}
        if found and not self.parked:
            raise Misused(f"--{next(iter(found))} goes with --parked")
        return found


_REACH, _ME, _WINDOW = Reach(), Me(), Window()

callback = App(name="callback", help="What apps were told, what was given up, and telling it once more.")


@callback.command
def ls(which: str | None = None, /, *, window: Window = _WINDOW, me: Me = _ME, reach: Reach = _REACH) -> None:
    """The callbacks of one payout, each with what became of it; or, with --parked, the longest given up of all.

    Example: `python -m gateway callback ls --parked --app acme --token-file ada.token`

    Parameters
    ----------
    which
        The payout's id, or APP/REFERENCE.
    """
    with spoken(reach):
        asked = window.asked()
        if window.parked:
            _none_of(which)
            show(reach, ask(reach, token_of(me), "GET", f"{PARKED}?{urlencode(asked)}".rstrip("?")), _given_up)
            return
        path = path_of(_named(which))
        answer = ask(reach, token_of(me), "GET", path)
        show(reach, {"id": answer["id"], "callbacks": answer["callbacks"]}, _listed)


@callback.command
def redeliver(
    payout_id: str | None = None,
    event_id: str | None = None,
    /,
    *,
    window: Window = _WINDOW,
    me: Me = _ME,
    reach: Reach = _REACH,
) -> None:
    """Send an event again to every endpoint, whatever became of it before; or, with --parked, all that was given up.

    Each keeps its id, so apps know it.

    Example: `python -m gateway callback redeliver po_… evt_… --token-file ada.token`

    Parameters
    ----------
    payout_id
        Whose event.
    event_id
        Which; `callback ls` lists them.
    """
    with spoken(reach):
        asked = window.asked()
        if window.parked:
            _none_of(payout_id)
            show(reach, {"due": _all_of(reach, token_of(me), asked)}, _many_due)
            return
        path = f"{PAYOUTS}/{quote(_named(payout_id), safe='')}/events/{quote(_named(event_id), safe='')}/redeliver"
        show(reach, ask(reach, token_of(me), "POST", path), _due)


def _named(which: str | None) -> str:
    if which is None:
        raise Misused("name a payout (and for redeliver its event), or say --parked")
    return which


def _none_of(which: str | None) -> None:
    if which is not None:
        raise Misused("--parked is about all payouts: name none")


def _all_of(reach: Reach, token: Secret, asked: Json) -> int:
    """A hundred at a time, as far as there are any that were given up before it began."""
    due, has_more = 0, True
    while has_more:
        answer = ask(reach, token, "POST", f"{PARKED}/redeliver", asked)
        due, has_more, asked = due + answer["due"], answer["has_more"], {**asked, "until": answer["until"]}
    return due


def _listed(answer: Json) -> Iterator[str]:
    yield f"{answer['id']}:"
    yield from callback_lines(answer)
    if not answer["callbacks"]:
        yield "  no callbacks: its app has no endpoint, or nothing was to be told yet"


def _given_up(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        yield f"{each['app']} {each['payout_id'] or 'no payout'} {callback_line(each)}"
    if answer["has_more"]:
        yield f"… and more: --since {answer['data'][-1]['parked_at']} shows what comes after"
    if not answer["data"]:
        yield "nothing was given up"


def _due(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        yield f"{each['event_id']} is due now at {each['endpoint']}"


def _many_due(answer: Json) -> Iterator[str]:
    yield f"{answer['due']} callbacks are due now"
