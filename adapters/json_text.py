"""JSON that others sent: one reading or none. The one place where channels parse it.

The standard parser keeps the last of two equal members, takes NaN and guesses UTF-16, so that a checker and a reader
could each believe another (docs/reliability.md 4, rows 85, 86 and 91). Nothing but one UTF-8 object is read here.
"""

from __future__ import annotations

import json
import math


class NotJson(ValueError):
    """The bytes are not one JSON object with one reading. The text repeats nothing of them."""


def read_object(body: bytes) -> dict[str, object]:
    """The object in `body`.

    Raises:
        NotJson: for anything else, a member that comes twice included.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant
        )
    except NotJson:
        raise
    except RecursionError as error:
        raise NotJson("nested too deeply") from error
    except ValueError as error:  # not UTF-8, not JSON, or an integer of thousands of digits
        raise NotJson("not JSON") from error
    if not isinstance(value, dict):
        raise NotJson("not a JSON object")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotJson("a member comes twice")
    return made


def _finite(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise NotJson("a number beyond any range")
    return number


def _no_constant(_token: str) -> object:
    raise NotJson("NaN and Infinity are not JSON")
