"""Being one of several processes that serve as one gateway: what a worker needs of the others, as ports.

A worker that could take another configuration up asks the others before it does, and hears whether everybody can. One
that is alone need not ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Others(Protocol):
    """The other workers of the same gateway."""

    async def agree(self, sha256: str) -> str | None:
        """We could put this file in force: None when everybody can, else why it is not to be."""
        ...

    async def ended(self, why: str | None) -> None:
        """Our try is over: the file on the disk is in force here, or it is not, and why."""
        ...


class Alone:
    """There are none."""

    async def agree(self, sha256: str) -> str | None:
        return None

    async def ended(self, why: str | None) -> None:
        """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Station:
    """Where a worker stands. It shares the public port, and what it would serve on the admin listener only its parent
    can reach.
    """

    admin: Path
    """The socket file for that."""
    first: bool
    """It does what is done once for a machine: it prepares the first token."""
    others: Others
