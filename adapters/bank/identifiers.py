"""The identifiers of one attempt: a letter and our channel reference (sheet "bank-direct" section 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REFERENCE = r"[A-Z0-9]{20,33}"
_PREFIXES = {"end_to_end_id": "PO", "instr_id": "I", "pmt_inf_id": "P", "msg_id": "M"}
"""Most specific first. `PO` stands before `P`: a reference may itself begin with O."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What we call one order, at each level of a message."""

    msg_id: str
    pmt_inf_id: str
    instr_id: str
    end_to_end_id: str


def identifiers(channel_reference: str) -> Identifiers:
    """The four ids of the attempt; a new attempt has a new reference and so new ids."""
    return Identifiers(**{field: prefix + channel_reference for field, prefix in _PREFIXES.items()})


def references(**ids: str | None) -> frozenset[str]:
    """The channel references that the given ids (named as in `Identifiers`) point to.

    Empty: none of them is of our form. More than one: they contradict each other.
    """
    found = set()
    for field, value in ids.items():
        match = re.fullmatch(_PREFIXES[field] + f"({_REFERENCE})", value or "", re.ASCII)
        if match:
            found.add(match.group(1))
    return frozenset(found)
