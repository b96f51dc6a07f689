"""`paymux demo`: see it work, in one command."""

from __future__ import annotations

import asyncio
import json as json_format
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.demo.play import run


def demo(
    *,
    seed: int = 1,
    stay: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Send a hundred payouts through three channels, break one of them, and compare all books.

    Gateway, sandboxes and an upstream app are processes of their own. Exit code 1 unless the books agree.

    Example: `python -m gateway demo --seed 7`

    Parameters
    ----------
    seed
        Other seeds, other orders.
    stay
        Keep everything running at the end.
    json
        Print the result as one last line of JSON.
    """
    with plain_words():
        try:
            report = asyncio.run(run(seed, as_json=json, stay=stay))
        except KeyboardInterrupt:
            return
    if json:
        print(json_format.dumps(report.as_json(), ensure_ascii=False))  # noqa: T201 - the command's result
    if report.shortfalls():
        raise SystemExit(Exit.FAILED)
