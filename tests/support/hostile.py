"""Hostile input against the real listener: what every case shares.

A case is bytes for the wire. Whatever its answer is, nothing may be stored, no answer may be an unplanned 5xx, and what
the input holds of a person or a secret may stand in no log line and in no answer.
"""

from __future__ import annotations

import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gateway import log
from tests.support.api_server import Answered, ApiServer

ACCOUNT = "6222021234509876543"
NAME = "欧阳敌意"
OPENID = "oHostile0penid47110815"
SECRET = "sk_hostile_9f8e7d6c5b4a39281706"
TAINTS = (ACCOUNT, NAME, OPENID, SECRET)

NONCES = "nonces"
"""The one table that a refused request may write: its signature was right, so its nonce is used up."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Everything that was logged while they were open."""

    stream: io.StringIO

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@contextmanager
def listening() -> Iterator[Ears]:
    """Hear every log line, at every level; at the end none of them may hold a taint, and each is one line of JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    ears = Ears(io.StringIO())
    log.configure("debug", ears.stream)
    try:
        yield ears
        for line in ears.lines():
            tainted = [taint for taint in TAINTS if taint in line or json.dumps(taint)[1:-1] in line]
            assert not tainted, line
            assert isinstance(json.loads(line), dict)
        assert not [event for event in ears.events() if event["event"] == "api.unhandled"], ears.lines()
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(False)
        root.handlers[:], root.level = handlers, level


def stored(folder: Path) -> dict[str, int]:
    """How many rows each table has, but for the nonces."""
    with closing(sqlite3.connect(f"file:{folder / 'api.db'}?mode=ro", uri=True)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        kept = sorted(name for (name,) in names if name != NONCES)
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in kept}


Make = Callable[[ApiServer], bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, and the stated reaction: a status, and the stable code that goes with it."""

    send: bytes | Make
    status: int
    code: str = ""
    """Empty where the answer is aiohttp's own or has no body."""


async def react(api: ApiServer, folder: Path, case: Case) -> Answered:
    """Send it; the answer is the stated one, and nothing was stored or told."""
    before = stored(folder)
    assert before, "nothing to compare with"
    answer = await api.raw(case.send if isinstance(case.send, bytes) else case.send(api))
    assert answer.status == case.status, answer.body
    if case.code:
        assert answer.json()["code"] == case.code, answer.body
    untold(answer)
    assert stored(folder) == before
    return answer


def untold(answer: Answered) -> None:
    """Nothing of the input is in the answer: not in its body, not in a header."""
    told = answer.body + json.dumps(dict(answer.headers)).encode()
    assert not [taint for taint in TAINTS if taint.encode() in told or json.dumps(taint)[1:-1].encode() in told]
