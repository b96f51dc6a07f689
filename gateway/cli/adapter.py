"""`paymux adapter`: begin an adapter of your own, and see whether a channel keeps what every channel promises."""

from __future__ import annotations

import asyncio
import json as json_format
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from adapters.conformance.find import NoSubject, subject
from adapters.conformance.promise import Promise
from adapters.conformance.report import Kept, Report, Unchecked, check
from adapters.conformance.world import ChannelUnderTest
from adapters.registry import adapters
from adapters.skeleton import BadSkeleton, write
from gateway.cli.exit import Exit, plain_words

adapter = App(name="adapter", help="For authors of channels: begin one, and check it against a hostile other side.")


@adapter.command
def new(name: str, /, *, into: Path = Path()) -> None:
    """Make a distribution with a new adapter: complete but for three functions, with its tests and its sandbox.

    Example: `python -m gateway adapter new acme`

    Parameters
    ----------
    name
        The word for `adapter = "..."`: lower-case letters, digits and `_`.
    into
        Where its folder `paymux-NAME` is made.
    """
    with _said():
        for path in write(name, into):
            print(path)  # noqa: T201 - the command's answer


@adapter.command(name="check")
def check_(name: str, /, *, only: str = "", json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Look whether a channel keeps what every channel promises, against its own sandbox and a hostile line to it.

    Nothing leaves the loopback. Exit code 3 when a promise is broken.

    Example: `python -m gateway adapter check mock`

    Parameters
    ----------
    name
        An adapter, built in or installed; or `module:NAME` of a `ChannelUnderTest`.
    only
        Only promises whose name has this in it.
    json
        One JSON document.
    """
    with _said():
        found = asyncio.run(_checked(subject(name, adapters()), only, quiet=json))
        if not found.findings:
            raise NoSubject(f"no promise has {only!r} in its name")
    if json:
        print(json_format.dumps(found.as_json(), ensure_ascii=False))  # noqa: T201 - as above
    else:
        print(f"{found.adapter}: {_sum(found)}")  # noqa: T201 - as above
    if found.broken:
        raise SystemExit(Exit.FOUND_PROBLEMS)


async def _checked(channel: ChannelUnderTest, only: str, *, quiet: bool) -> Report:
    def wanted(promise: Promise) -> bool:
        return only in promise.name

    findings = []
    async for finding in check(channel, wanted):
        findings.append(finding)
        if not quiet:
            print(_line(finding), flush=True)  # noqa: T201 - as above
    return Report(channel.spec.name, channel.spec.version, tuple(findings))


def _line(finding: Kept) -> str:
    if finding.kept:
        return f"kept    {finding.promise}"
    return f"BROKEN  {finding.promise}\n        {finding.says}\n        {finding.why}"


def _sum(found: Report) -> str:
    kept = len(found.findings) - len(found.broken)
    return f"{kept} promises kept, {len(found.broken)} broken"


@contextmanager
def _said() -> Iterator[None]:
    with plain_words():
        try:
            yield
        except (NoSubject, BadSkeleton, Unchecked) as error:
            print(error, file=sys.stderr)  # noqa: T201 - as above
            raise SystemExit(Exit.FAILED) from error
