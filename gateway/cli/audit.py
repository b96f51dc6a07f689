"""`paymux audit`: what people did to the gateway, and whether that record is as it was written."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of
from gateway.cli.exit import Exit, plain_words
from gateway.config.load import load
from gateway.database import place_of
from gateway.domain import audit as chain
from gateway.store.backup import audit_lines

_REACH, _ME = Reach(), Me()

audit = App(name="audit", help="What people did to the gateway.")


@audit.command
def ls(*, since: int = 0, me: Me = _ME, reach: Reach = _REACH) -> None:
    """What people did, the oldest first, a hundred lines at a time.

    Example: `python -m gateway audit ls --token-file ada.token`

    Parameters
    ----------
    since
        Only lines after this number.
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "GET", f"/admin/v1/audit?since={since}"), _lines)


@audit.command
def verify(*, config: Path = Path("config.toml"), json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Follow the audit from its first line: is any of it not as it was written? The gateway may be running.

    Exit code 3 when a line was changed, taken out or put in. Compare the head with one that you noted elsewhere: an
    end that was cut off leaves no broken link.

    Example: `python -m gateway audit verify`

    Parameters
    ----------
    config
        The gateway's configuration.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        found = chain.verify(audit_lines(place_of(load(config))))
    told = {"lines": found.lines, "head": found.head.hex(), "broken_at": found.broken_at}
    words = f"{found.lines} lines hold, head {found.head.hex()}"
    if found.broken_at is not None:
        words = f"line {found.broken_at} is not as it was written; {words}"
    print(json_format.dumps(told) if json else words)  # noqa: T201 - the command's result
    if found.broken_at is not None:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _lines(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        detail = " ".join(f"{name}={value}" for name, value in each["detail"].items())
        did = f"{each['actor']}  {each['act']} {each['subject']}"
        yield f"{each['sequence']:>5}  {each['at']}  {did}  {detail}".rstrip()
    if not answer["data"]:
        yield "nothing since"
