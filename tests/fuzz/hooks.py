"""What a schema cannot say, told to schemathesis: a cursor is signed. One that fits the published form, yet was never
given out, is refused as it must be; so only those that this server gave out, and malformed ones, are sent.
"""

from __future__ import annotations

import re
from typing import Any

import schemathesis

_FORM = re.compile(r"[A-Za-z0-9_-]{1,256}")
_given: set[str] = set()


@schemathesis.hook
def before_call(_context: Any, case: Any, **_kwargs: Any) -> None:
    """Leave out an invented cursor of the right form."""
    cursor = (case.query or {}).get("cursor")
    if isinstance(cursor, str) and _FORM.fullmatch(cursor) and cursor not in _given:
        del case.query["cursor"]


@schemathesis.hook
def after_call(_context: Any, _case: Any, response: Any) -> None:
    """Remember the cursors that were given out."""
    body = response.content
    if b'"next_cursor":"' in body:
        _given.add(response.json()["next_cursor"])
