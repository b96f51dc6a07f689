"""The mock's part of config.toml: `[channels.NAME.settings]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400, strict=True)]


class MockSettings(BaseModel):
    """Every key has a default: an empty table is a working bank."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    book: Path | None = None
    """The file with the bank's book, relative to the folder of config.toml; without it the bank forgets at exit."""
    currencies: frozenset[Annotated[str, Field(pattern=r"^[A-Z]{3}$")]] = frozenset({"CNY", "EUR", "USD"})
    usual_s: Seconds = 0.3
    """From taking an order to paying it."""
    slow_s: Seconds = 3.0
    """How long the slow answer of ending 0009 takes."""
    return_s: Seconds = 0.5
    """From paying to sending the money back, ending 0006."""
    duplicate_mode: Literal["same_resource", "none"] = "same_resource"
    """What a repeat is: the same order, or one more payment."""


def live_faults(_settings: MockSettings) -> list[str]:
    """The mock pays nobody, so nothing makes it fit for live mode (R21)."""
    return ["the mock channel moves no money and is never allowed in live mode"]
