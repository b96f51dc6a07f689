"""What is taken and pointed out: nothing here refuses a payout (docs/reliability.md 4, rows 41 and 48).

A flag stands in the timeline, in the detail of `payout.accepted`, and in the log line of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections import OrderedDict

from gateway.domain.beneficiary import Beneficiary
from gateway.domain.money import Money

ALIKE_WINDOW_S = 600.0
"""For how long the same money to the same payee, under another reference, is pointed out."""
REMEMBERED_MAX = 50_000

_WORD = re.compile(r"\w+")
_LOOK_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "GEORGIAN"})
"""Alphabets with letters that look like each other's."""


def mixes_scripts(name: str) -> bool:
    """Whether one word of it has letters of two alphabets that look alike: a Cyrillic letter in a Latin name, say."""
    words = _WORD.findall(unicodedata.normalize("NFKC", name))
    return any(len(_alphabets(word)) > 1 for word in words)


def _alphabets(word: str) -> set[str]:
    return {script for letter in word if (script := unicodedata.name(letter, "").partition(" ")[0]) in _LOOK_ALIKE}


class Alikes:
    """The payouts taken in of late, by app, payee and amount. In memory, on this node: a hint, never a rule."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def mark(self, app: str, amount: Money, beneficiary: Beneficiary) -> bytes:
        """What stands for the three; says nothing about them."""
        parts = (app, str(amount.minor), amount.currency, beneficiary.kind, beneficiary.account)
        return hmac.digest(self._key, "\0".join(parts).encode(), hashlib.sha256)

    def earlier(self, mark: bytes, now_s: float) -> str | None:
        """The payout that had this mark within the window."""
        payout_id, at_s = self._seen.get(mark, ("", 0.0))
        return payout_id if payout_id and now_s - at_s < ALIKE_WINDOW_S else None

    def note(self, mark: bytes, payout_id: str, now_s: float) -> None:
        """A payout was taken in."""
        self._seen[mark] = (payout_id, now_s)
        self._seen.move_to_end(mark)
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
