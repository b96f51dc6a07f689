"""How the commands for people reach the admin listener of a running gateway: one request, one answer, JSON both ways.

The token goes to that address and nowhere else: no proxy is asked, no redirect followed, and in the clear it leaves
this machine never.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.config.load import load
from gateway.config.urls import BadAddress, is_loopback, split_url
from gateway.secret import Secret, SecretError, SecretResolver

TOKEN_VARIABLE = "PAYMUX_ADMIN_TOKEN"  # noqa: S105 - the variable's name
TIMEOUT_S = 30.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to find a listener that is bound to all

Json = dict[str, Any]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Reach:
    """Where the gateway is, and how the answer is shown."""

    config: Path = Path("config.toml")
    """The gateway's configuration: its admin_listen is the address."""
    url: str | None = None
    """Another address, such as https://gateway.internal:9090. Plain http only on this machine."""
    json: Annotated[bool, Parameter(negative="")] = False
    """Print the answer as JSON."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Me:
    """Who is asking."""

    token_file: Path | None = None
    """The file with your token, 0600; without it the environment's PAYMUX_ADMIN_TOKEN."""


class Refusal(Exception):
    """The gateway answered with a problem."""

    def __init__(self, problem: Json) -> None:
        super().__init__(problem.get("title"))
        self.problem = problem

    def words(self) -> str:
        """Everything that it said, a line each."""
        title = str(self.problem.get("title", "refused"))
        about = [str(self.problem["detail"])] if "detail" in self.problem else []
        found = [each for each in self.problem.get("errors", ()) if isinstance(each, dict)]
        return "\n".join([title, *about, *(_fault(each) for each in found)])


class Unreachable(Exception):
    """Nobody answered, or nobody of ours."""


class Misused(Exception):
    """The command cannot be carried out as it was given."""


def token_of(me: Me, environ: Mapping[str, str] = os.environ) -> Secret:
    """The caller's token. Raises `Misused` when there is none, `SecretError` for a file that others can read."""
    if me.token_file is not None:
        return read_token(me.token_file)
    if environ.get(TOKEN_VARIABLE):
        return Secret(environ[TOKEN_VARIABLE].strip().encode(), f"env:{TOKEN_VARIABLE}")
    raise Misused(f"who are you? Give --token-file, or set {TOKEN_VARIABLE}")


def read_token(path: Path) -> Secret:
    """The token in a file that nobody else can read. Raises `SecretError`."""
    return SecretResolver(Path(), {})(f"file:{path}")


def ask(reach: Reach, token: Secret, method: str, path: str, body: Json | None = None) -> Json:
    """The gateway's answer.

    Raises:
        Refusal: it said no.
        Unreachable: it said nothing, so what was asked may or may not have been done.
        Misused: the address would show the token to others.
    """
    where = _address(reach)
    connection = _connection(where)
    headers = {"Authorization": f"Bearer {token.text()}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        response = connection.getresponse()
        status, answer = response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"no gateway answered at {where.geturl()}: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise Unreachable(f"what answered at {where.geturl()} is no gateway")
    if status >= 400:
        raise Refusal(answer)
    return answer


def _address(reach: Reach) -> SplitResult:
    if reach.url is None:
        listen = load(reach.config).gateway.admin_listen
        host = _ANY_ADDRESS.get(listen.host, listen.host)
        return urlsplit(f"http://[{host}]:{listen.port}" if ":" in host else f"http://{host}:{listen.port}")
    try:
        where = split_url(reach.url)
    except BadAddress as error:
        raise Misused(f"--url: {error}") from error
    if where.scheme == "http" and not is_loopback(where.hostname or ""):
        raise Misused("--url: a token leaves this machine by https only")
    return where


def _connection(where: SplitResult) -> http.client.HTTPConnection:
    host = where.hostname or ""
    if where.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, where.port, timeout=TIMEOUT_S, context=context)
    return http.client.HTTPConnection(host, where.port, timeout=TIMEOUT_S)


def _fault(fault: Json) -> str:
    where = f"{fault['pointer']}: " if fault.get("pointer") else ""
    return f"  {where}{fault.get('code')}: {fault.get('detail')}"


def part(text: str, what: str, also: str) -> str:
    """As a part of a path, if it is made of ASCII letters, digits and what `also` has. Raises `Misused`: not `what`."""
    if not text.isascii() or not text.translate(dict.fromkeys(map(ord, also))).isalnum():
        raise Misused(f"{text!r} is not {what}")
    return text


# Showing -----------------------------------------------------------------------------------------------------------


def show(reach: Reach, answer: Json, lines: Callable[[Json], Iterator[str]]) -> None:
    """The answer on stdout: as JSON, or in words."""
    print(json.dumps(answer, ensure_ascii=False) if reach.json else "\n".join(lines(answer)))  # noqa: T201 - the result


@contextmanager
def spoken(reach: Reach) -> Iterator[None]:
    """What goes wrong becomes words on stderr and an exit code; with --json a problem is the answer on stdout."""
    try:
        with plain_words():
            yield
    except Refusal as refused:
        if reach.json:
            print(json.dumps(refused.problem, ensure_ascii=False))  # noqa: T201 - the result
        _end(refused.words(), Exit.FAILED)
    except SecretError as error:
        _end(str(error), Exit.FAILED)
    except Unreachable as error:
        _end(str(error), Exit.UNREACHABLE)
    except Misused as error:
        _end(str(error), Exit.USAGE)


def _end(words: str, code: Exit) -> NoReturn:
    print(words, file=sys.stderr)  # noqa: T201 - the command line's voice
    raise SystemExit(code)
