"""`paymux doctor`: what is wrong with this machine, this configuration and this gateway. It changes nothing."""

from __future__ import annotations

import http.client
import json as json_format
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.resolve import resolve_secrets
from gateway.database import place_of
from gateway.domain.errors import StoreUnavailable
from gateway.store import migrate
from gateway.store.backup import summary
from gateway.store.looking import is_made, named

DISK_FREE_MIN_BYTES = 1024**3
CLOCK_BEHIND_MAX = timedelta(seconds=5)
CONNECT_TIMEOUT_S = 3.0
READY_TIMEOUT_S = 5.0


class Verdict(StrEnum):
    """How a finding is meant."""

    FINE = "fine"
    NOTE = "note"
    """Not as it usually is, and no fault: the gateway is not running."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str


def doctor(
    *,
    config: Path = Path("config.toml"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Look at configuration, secrets, database, disk, clock, the running gateway and the way to each channel.

    Nothing is sent to a channel but a connection that is closed at once. Exit code 3 when a problem is found.

    Example: `python -m gateway doctor`

    Parameters
    ----------
    config
        The gateway's configuration.
    json
        Print the findings as one line of JSON.
    """
    with plain_words():
        loaded = load(config)
    findings = [finding for look in LOOKS for finding in look(loaded)]
    print(_as_json(findings) if json else "\n".join(map(_words, findings)))  # noqa: T201 - the command's result
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _configuration(config: Config) -> Iterator[Finding]:
    channels, apps = len(config.channels), len(config.apps)
    yield Finding(
        "configuration", Verdict.FINE, f"{config.path}: {config.gateway.mode}, {channels} channels, {apps} apps"
    )


def _secrets(config: Config) -> Iterator[Finding]:
    if config.sandbox and not config.keys_dir.exists():
        yield Finding("secrets", Verdict.NOTE, "the sandbox's keys are made at the first start")
        return
    try:
        resolve_secrets(config)
    except ConfigError as error:
        yield Finding("secrets", Verdict.PROBLEM, str(error))
    else:
        yield Finding("secrets", Verdict.FINE, "every reference resolves")


def _state(config: Config) -> Iterator[Finding]:
    folder = config.state_dir
    if not folder.exists():
        yield Finding("state", Verdict.NOTE, f"{folder} is made at the first start")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        yield Finding("state", Verdict.PROBLEM, f"{folder} is open to others ({mode:o}): chmod 700")
    free = shutil.disk_usage(folder).free
    enough = Verdict.FINE if free >= DISK_FREE_MIN_BYTES else Verdict.PROBLEM
    yield Finding("disk", enough, f"{free / 1024**3:.1f} GiB free beside {folder}")


def _database(config: Config) -> Iterator[Finding]:
    try:
        place = place_of(config)
    except (ConfigError, StoreUnavailable) as error:
        yield Finding("database", Verdict.PROBLEM, str(error))
        return
    path, newest = named(place), migrate.head()
    if not is_made(place):
        yield Finding("database", Verdict.NOTE, f"{path} is made at the first start")
        return
    found = summary(place)
    if found.problem is not None:
        yield Finding("database", Verdict.PROBLEM, f"{path}: {found.problem}")
        return
    behind = found.revision != newest
    wanted = f"; this version has {newest}: `db upgrade`, or a start" if behind else ""
    verdict = Verdict.NOTE if behind else Verdict.FINE
    yield Finding("database", verdict, f"{path}: schema {found.revision}{wanted}")
    ahead = found.newest_event_at - datetime.now(UTC) if found.newest_event_at is not None else timedelta(0)
    if ahead > CLOCK_BEHIND_MAX:
        yield Finding("clock", Verdict.PROBLEM, f"the newest event is {ahead.total_seconds():.0f} s in the future")


def _running(config: Config) -> Iterator[Finding]:
    listen = config.gateway.admin_listen
    connection = http.client.HTTPConnection(listen.host, listen.port, timeout=READY_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz?verbose")
        response = connection.getresponse()
        told = response.read().decode(errors="replace").strip()
    except OSError as error:
        yield Finding("gateway", Verdict.NOTE, f"nobody answers at {listen}: {error}")
        return
    except http.client.HTTPException:
        yield Finding("gateway", Verdict.PROBLEM, f"what answers at {listen} speaks no HTTP")
        return
    finally:
        connection.close()
    verdict = Verdict.FINE if response.status == http.HTTPStatus.OK else Verdict.PROBLEM
    yield Finding("gateway", verdict, f"{listen} says {response.status}: {told}")


def _channels(config: Config) -> Iterator[Finding]:
    """Whether each channel's address can be connected to: name, route, firewall. What it answers is not looked at."""
    for name, part in config.channels.items():
        url = part.settings.get("base_url")
        if not isinstance(url, str):
            continue
        where = urlsplit(url)
        port = where.port or (443 if where.scheme == "https" else 80)
        try:
            socket.create_connection((where.hostname or "", port), CONNECT_TIMEOUT_S).close()
        except OSError as error:
            yield Finding(f"channel {name}", Verdict.PROBLEM, f"{where.hostname}:{port}: {error}")
        else:
            yield Finding(f"channel {name}", Verdict.FINE, f"{where.hostname}:{port} can be connected to")


LOOKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (
    _configuration,
    _secrets,
    _state,
    _database,
    _running,
    _channels,
)
"""Everything that is looked at, in this order."""


def _words(finding: Finding) -> str:
    return f"{finding.verdict:<8} {finding.what}: {finding.detail}"


def _as_json(findings: list[Finding]) -> str:
    return json_format.dumps({"findings": [asdict(finding) for finding in findings]}, ensure_ascii=False)
