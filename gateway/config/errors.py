"""What is wrong with a configuration: all of it at once, each fault with its file, line and key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Loc = tuple[str | int, ...]
"""Where in the document: `("channels", "alpha", "fees", 0, "bps")`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend. Never carries a value that could be a secret."""

    file: str
    line: int
    key: str
    """Dotted, as one would write it; empty when the fault is the file's own."""
    what: str
    hint: str | None = None
    """The nearest word that would be right."""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        hint = f", did you mean '{self.hint}'?" if self.hint else ""
        return f"{self.file}:{self.line}: {key}{self.what}{hint}"


class ConfigError(Exception):
    """The configuration is refused; `faults` says why, in the order of the file. Nothing of it was used."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.key)))
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


def dotted(loc: Loc) -> str:
    """`channels.alpha.fees.0.bps`; a part that is not a bare key is quoted."""
    return ".".join(_part(part) for part in loc)


def _part(part: str | int) -> str:
    text = str(part)
    return text if text and text.replace("-", "").replace("_", "").isalnum() and text.isascii() else repr(text)
