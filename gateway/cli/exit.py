"""Exit codes, the same for every command, and the one place that turns an error into words and a code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from adapters.registry import AdapterRefused
from gateway.config.errors import ConfigError
from gateway.config.packages import ForeignPackage
from gateway.domain.errors import PaymuxError


class Exit(IntEnum):
    """What a command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FOUND_PROBLEMS = 3
    UNREACHABLE = 4


@contextmanager
def plain_words() -> Iterator[None]:
    """Errors that a person can mend are said in plain words on stderr, without a traceback."""
    try:
        yield
    except (ConfigError, AdapterRefused, ForeignPackage, PaymuxError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command line's voice
        raise SystemExit(Exit.FAILED) from error
