"""What may be known of the configuration: which one is in force, and how the last try to change it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReloadState:
    """One try to put the file in force, and what has been in force since."""

    sha256: str
    """Of the file that is in force."""
    since: datetime
    """When it was put in force: at the start, or by the last reload that went well."""
    tried_at: datetime
    """When the file was last looked at and was not, or had ceased to be, the one in force."""
    ok: bool = True
    """False: the file on disk is not the one in force, because it was refused."""
    faults: tuple[str, ...] = ()
    """Why it was, each as `config.toml:LINE: key: what`."""
    overrides_active: int = 0
    """How many overrides hold channels back at this moment."""


@dataclass(slots=True)
class Reloads:
    """Where the state stands; assigned whole."""

    state: ReloadState
