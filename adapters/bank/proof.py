"""What one exchange with the bank gave: an answer that is proved, one that is not, or none."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.bank.signature_base import SignatureRefused
from adapters.http import HttpAnswer, NoAnswer


@dataclass(frozen=True, slots=True)
class Unproved:
    """Something came back, but nobody we know signed it as the answer to this request."""

    answer: HttpAnswer
    refused: SignatureRefused


Exchanged = HttpAnswer | NoAnswer | Unproved
"""An `HttpAnswer` in here is a verified one."""
