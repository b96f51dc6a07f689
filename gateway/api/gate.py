"""The door before the door: while there is no room, new payouts are turned away from their bytes, before aiohttp parses
them.

A flood is refused request by request, and each refusal takes time from an order that could have been served: through
the parser, the dispatcher and back out it costs a good part of what serving costs. What is needed for the refusal is
little: that these bytes are one whole order and nothing else, and whose key they claim. Everything that is not as plain
as that (a body that comes later, a second request behind it, a length said twice) goes the usual way, where the same
rule refuses it, by the same words.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import lru_cache

from gateway.admission.limits import Load
from gateway.api.auth import claimed
from gateway.api.dispatch import REQUEST_ID, mint_request_id, sane_request_id
from gateway.api.problems import Code, Fault, Refused
from gateway.api.quotas import Headers
from gateway.api.responses import problem
from gateway.api.state import PublicState
from gateway.metrics.table import HTTP_DURATION, HTTP_REQUESTS

ORDERS = "/v1/payouts"
_ORDER = f"POST {ORDERS} HTTP/1.1\r\n".encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,7})\r\n")
ON_THE_WAY_S = 0.02
"""About how long a request takes from here to its place. Until then whoever was let on counts as if it had one: all
that arrive in one turn of the loop would otherwise find the same place free."""
SAME_FOR_S = 0.02
"""Who comes so soon after another of the same app is told the same: places do not come free one by one."""
_ID_HERE = "@request_id@"
_REASONS = {429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """What to do with a connection whose order is refused."""

    answer: bytes | None
    """None: hang up, too many answers are being held back already."""
    pause_s: float
    closes: bool
    """The client asked for the connection's end after the answer."""


class Gate:
    """Looks at the bytes of orders. One for a listener."""

    def __init__(self, state: PublicState) -> None:
        self._state = state
        self._on_the_way = 0
        self._told: tuple[str, Refused, float] = ("", Refused(Code.OVERLOADED), 0.0)
        """Whose order was refused last, how, and until when that is told without looking again."""

    def look(self, head: bytes) -> TurnedAway | None:
        """What becomes of a whole request with this head; None: it may go on. Who is told to wait is waited for:
        `answered` when the pause is over, however it ended."""
        intake, limits = self._state.intake, self._state.doors.intake
        if not intake.refused_lately or not head.startswith(_ORDER):
            return None
        fields = _fields(head)
        refused = self._refusal(fields.get("authorization", []))
        if refused is None:
            self._let_on()
            return None
        held_back = intake.hold_back(Load.ORDERS, refused, limits)
        self._measure(refused, limits.pause_s if held_back else 0.0)
        closes = any("close" in value.lower() for value in fields.get("connection", ()))
        return TurnedAway(_written(refused, fields, closes) if held_back else None, limits.pause_s, closes)

    def _refusal(self, authorization: list[str]) -> Refused | None:
        key, now_s = claimed(self._state.keys, authorization), self._state.services.clock.monotonic()
        app, (last, told, until_s) = "" if key is None else key.app, self._told
        if now_s < until_s and app == last:
            return told
        refused = self._state.intake.refusal(Load.ORDERS, self._state.doors.intake, key, self._on_the_way)
        if refused is not None and refused.code is Code.OVERLOADED:
            self._told = (app, refused, now_s + SAME_FOR_S)
        return refused

    def _let_on(self) -> None:
        if not self._on_the_way:
            asyncio.get_running_loop().call_later(ON_THE_WAY_S, self._arrived)
        self._on_the_way += 1

    def _arrived(self) -> None:
        self._on_the_way = 0

    def answered(self) -> None:
        """A pause is over."""
        self._state.intake.let_go()

    def _measure(self, refused: Refused, pause_s: float) -> None:
        meter = self._state.services.meter
        meter.add(HTTP_REQUESTS, ORDERS, "POST", str(refused.status))
        meter.observe(HTTP_DURATION, pause_s, ORDERS)


def whole_request(data: bytes) -> bytes | None:
    """The head of the one request that these bytes are, with all of its body and nothing behind it; None where they are
    anything else, or could be taken for anything else by anybody.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[: end + 2]
    lower = head.lower()
    said = lower.count(b"content-length")
    lengths = _LENGTH.findall(lower)
    if said > 1 or len(lengths) != said or b"transfer-encoding" in lower or b"expect:" in lower or b"\0" in lower:
        return None
    return head if len(data) == end + 4 + int(lengths[0] if lengths else 0) else None


def _fields(head: bytes) -> dict[str, list[str]]:
    """Every value of every field, by its name in lower case."""
    found: dict[str, list[str]] = {}
    for line in head.decode("latin-1").split("\r\n")[1:-1]:
        name, _, value = line.partition(":")
        found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def _written(refused: Refused, fields: dict[str, list[str]], closes: bool) -> bytes:
    """The answer as it goes over the wire."""
    request_id = sane_request_id("".join(fields.get(REQUEST_ID.lower(), ()))) or mint_request_id()
    head, body = _letter(refused.code, refused.detail, refused.faults, refused.headers)
    body = body.replace(_ID_HERE, request_id)
    end = "Connection: close\r\n" if closes else ""
    return f"{head}{REQUEST_ID}: {request_id}\r\nContent-Length: {len(body)}\r\n{end}\r\n{body}".encode("latin-1")


@lru_cache(maxsize=256)
def _letter(code: Code, detail: str | None, faults: tuple[Fault, ...], headers: Headers) -> tuple[str, str]:
    """Head and body of a refusal, with a gap for the request's id. In a flood one goes out many times."""
    made = problem(Refused(code, detail, faults=faults, headers=headers), _ID_HERE)
    body = bytes(made.body).decode("latin-1") if isinstance(made.body, bytes | bytearray) else ""
    lines = [
        f"HTTP/1.1 {made.status} {_REASONS[made.status]}",
        *(f"{name}: {is_}" for name, is_ in made.headers.items()),
    ]
    return "\r\n".join([*lines, ""]), body
