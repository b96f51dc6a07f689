"""A plain channel's part of config.toml: `[channels.NAME.settings]`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adapters.sandbox.keys import mint_folder, write_private
from gateway.secret import SecretRef


class PlainSettings(BaseModel):
    """Where the channel is, who we are there, and the key that both sides sign with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")]
    account: Annotated[str, Field(min_length=1, max_length=64)]
    """Our account there; it stands in the header `x-account`."""
    key: SecretRef


def live_faults(settings: PlainSettings) -> list[str]:
    """What forbids these settings in live mode."""
    return [] if settings.base_url.startswith("https://") else ["base_url is not https"]


def mint(folder: Path) -> None:
    """A key to throw away, for the sandbox."""
    mint_folder(folder, lambda room: write_private(room / "key", secrets.token_hex(32).encode()))
