"""Invariant 48: no account, name or key in a log line, in what an app is sent, or in what people read of a payout."""

from __future__ import annotations

import re

from gateway.domain.beneficiary import personal
from gateway.simulation.audit.books import Books
from gateway.simulation.audit.facts import Change

_TOKEN = re.compile(r"[0-9A-Za-z_-]{8,}")


def line_is_clean(books: Books, line: str) -> str | None:
    """Looked up by token, so that a line costs the same however many accounts there are; odd values by search."""
    found = next((token for token in _TOKEN.findall(line) if token in books.taints), None)
    if found is None:
        found = next((odd for odd in books.odd_taints if odd in line), None)
    return f"a log line shows {found[:2]}…{found[-2:]}: {line[:60]}" if found is not None else None


def change_is_clean(_books: Books, change: Change) -> str | None:
    """Callbacks, events and incidents of a payout do not name whom it goes to."""
    secrets = [secret for secret in personal(change.after.beneficiary) if _telling(secret)]
    told = [callback.body.decode() for callback in change.callbacks]
    told += [str(event.detail) for event in change.events] + [incident.detail for incident in change.incidents]
    for text in told:
        if any(secret in text for secret in secrets):
            return f"personal data in {text[:40]}"
    return None


def _telling(secret: str) -> bool:
    """A short word of Latin letters may stand in any text."""
    return len(secret) > 5 or not secret.isascii()


def taint(books: Books, value: str) -> None:
    """From now on `value` may appear nowhere."""
    books.taints[value] = None
    if not _TOKEN.fullmatch(value):
        books.odd_taints[value] = None
