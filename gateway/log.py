"""Logs: one JSON object a line, on stderr. Events have dotted names (`payout.accepted`), facts are fields.

    log = structlog.get_logger()
    with bound(payout=payout.id, app=payout.app):
        log.info("attempt.sent", channel="bank", elapsed_ms=12)

Everything passes `gateway.redact`: fields, exception texts, and what libraries say through `logging`. A line is
written whole and at once, so that what was said before a crash is there after it, and it is one line whatever is in
it: JSON escapes every line end, U+2028 included.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from json import JSONEncoder
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

from gateway.redact import redact, text

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
FRAMES_MAX = 30
ERRORS_MAX = 8

bound = bound_contextvars
"""`with bound(payout=...)`: every line logged inside carries these fields, in this task and those it starts."""


def configure(level: str = "info", stream: TextIO | None = None, json: bool = True) -> None:
    """Set up structlog and `logging` for the whole process; calling it again replaces what was.

    Args:
        level: one of `LEVELS`, the least that is written.
        stream: where to; stderr by default.
        json: False writes `time level event key=value` for people, with the same redaction.

    Raises:
        KeyError: no such level.
    """
    least = LEVELS[level.lower()]
    sink = _Sink(stream or sys.stderr)
    structlog.configure(
        processors=_processors(json),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Bridge(sink, json)], level=least, force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # each look at the folder is no news
    logging.captureWarnings(True)


def _processors(json: bool) -> list[structlog.typing.Processor]:
    render = _as_json if json else _for_people
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [merge_contextvars, structlog.processors.add_log_level, stamp, _exceptions, _redact, render]


_encode = JSONEncoder(ensure_ascii=True).encode
"""Made once: `json.dumps` with a setting would make one for every line. What is redacted is plain data."""


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _encode(event)


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return redact(event)


def _exceptions(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """`exc_info` becomes types, texts and places: no source lines, no local variables."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is None and info:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = _chain(error)
    return event


def _chain(error: BaseException) -> list[dict[str, object]]:
    """The error, what caused it and, of a group, its members: the newest first."""
    chain: list[dict[str, object]] = []
    waiting = [error]
    while waiting and len(chain) < ERRORS_MAX:
        current = waiting.pop(0)
        chain.append({"type": type(current).__name__, "text": text(str(current)), "at": _frames(current.__traceback__)})
        cause = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        members = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        waiting += [*members, cause] if cause else members
    return chain


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _for_people(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    head = " ".join(_word(event.pop(key, "-")) for key in ("timestamp", "level", "event"))
    return " ".join([head, *(f"{_word(key)}={_word(value)}" for key, value in event.items())])


def _word(value: object) -> str:
    """On one line and in ASCII, whatever it is; bare when it is a plain word."""
    shown = str(value)
    plain = shown.isascii() and shown.isprintable() and shown and not set(shown) & set(' "=')
    return shown if plain else ascii(value)


class _Sink:
    """Writes lines, one at a time. A stream that is gone must not stop a payout, so its errors end here."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # broken pipe, or closed
                return

    log = debug = info = warning = error = critical = exception = fatal = warn = err = failure = msg


class _Bridge(logging.Handler):
    """What libraries say through `logging`, by the same rules."""

    def __init__(self, sink: _Sink, json: bool) -> None:
        super().__init__()
        self._sink = sink
        self._json = json

    def emit(self, record: logging.LogRecord) -> None:
        event: MutableMapping[str, Any] = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        line: Any = event
        for process in _processors(self._json):
            line = process(self._sink, record.levelname.lower(), line)
        self._sink.msg(line)
