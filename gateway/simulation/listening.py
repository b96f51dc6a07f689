"""What the gateway logs in a simulated world: read line by line, as it would be written, or not made at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from gateway import log


class _Tap:
    """Stands where a stream is written to."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line

    def msg(self, line: str) -> None:
        self._line(line)

    debug = info = warning = error = critical = exception = msg


@contextmanager
def listening(line: Callable[[str], None] | None) -> Iterator[None]:
    """While this is open, every line is rendered and redacted as ever and given to `line`; None: nothing is logged."""
    before = structlog.get_config()
    if line is None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    else:
        tap = _Tap(line)
        structlog.configure(
            processors=log._processors(True),
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=lambda *_: tap,
            cache_logger_on_first_use=False,
        )
    try:
        yield
    finally:
        structlog.configure(**before)
