"""What happened, in order: always as a running hash, and as lines to tell a story from when somebody wants one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at_s: float
    """Virtual seconds since the start of the world."""
    who: str
    what: str
    about: str | None = None
    """The order it is about: `app/reference`."""


class Trace:
    """The running SHA-256 over everything that happens in one world."""

    def __init__(self, time: Callable[[], float], *, keep: bool = False) -> None:
        self._time = time
        self._hash = hashlib.sha256()
        self.kept: list[Line] | None = [] if keep else None

    def add(self, who: str, what: str, about: str | None = None) -> None:
        """Note that `who` did or met `what`; `about` names the order, where it is about one."""
        at_s = self._time()
        self._hash.update(f"{at_s:.6f}|{who}|{what}|{about}\n".encode())
        if self.kept is not None:
            self.kept.append(Line(at_s, who, what, about))

    def tell(self, who: str, what: str, about: str) -> None:
        """For a story only: it follows from what is in the hash already."""
        if self.kept is not None:
            self.kept.append(Line(self._time(), who, what, about))

    def digest(self) -> str:
        return self._hash.hexdigest()


def combined(digests: list[str]) -> str:
    """One hash for several worlds, in the order of their seeds."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
