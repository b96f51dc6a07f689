"""`paymux reload`: have a running gateway put its configuration file in force as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of

_REACH, _ME = Reach(), Me()


def reload(*, force: Annotated[bool, Parameter(negative="")] = False, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Put the configuration file in force as it is now, and say what was different.

    It does so by itself when the file changes; this one says why not. What a file is refused for changes nothing.

    Example: `python -m gateway reload --token-file ada.token`

    Parameters
    ----------
    force
        Even if it leaves some currency without a channel.
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "POST", "/admin/v1/config/reload", {"force": force}), _reloaded)


def _reloaded(answer: Json) -> Iterator[str]:
    yield f"{answer['outcome']}: sha256 {answer['sha256'][:12]}"
    yield from (f"  {change}" for change in answer["changes"])
