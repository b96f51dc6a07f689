"""Points in time as callers write them: RFC 3339 with an offset, down to the microsecond."""

from __future__ import annotations

import re
from datetime import datetime

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")


def instant(text: str) -> datetime:
    """The moment that `text` names, with its offset.

    Raises:
        ValueError: with the reason, which does not repeat the text.
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError("an RFC 3339 date-time with its offset, such as 2026-01-01T00:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("no such date or time") from None
