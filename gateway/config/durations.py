"""Durations in config.toml: a whole number and a unit, `"30s"`. In the program: seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION_MAX_S = 366 * UNIT_S["d"]

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)", re.ASCII)


def parse_duration(text: object) -> float:
    """Seconds in `text`, e.g. 300.0 for `5m`. More than nothing, at most a year.

    Raises:
        PydanticCustomError: not a duration, zero, or longer than a year.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise PydanticCustomError("duration", 'must be a duration such as "500ms", "30s", "5m", "72h" or "30d"')
    seconds = int(match[1]) * UNIT_S[match[2]]
    if not 0 < seconds <= DURATION_MAX_S:
        raise PydanticCustomError("duration", "must be longer than nothing and at most 366d")
    return seconds


def show_duration(seconds: float) -> str:
    """The shortest way to write it: 300.0 is `5m`."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= UNIT_S[unit] and seconds % UNIT_S[unit] == 0:
            return f"{int(seconds / UNIT_S[unit])}{unit}"
    return f"{round(seconds / UNIT_S['ms'])}ms"


Duration = Annotated[
    float, BeforeValidator(parse_duration), WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"})
]
"""A model field written as `"30s"`, read as seconds."""
