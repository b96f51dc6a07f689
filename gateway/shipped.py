"""Where the shipped config.toml is: at the root of a checkout, inside the package of an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_config() -> Path:
    """The configuration that comes with paymux: the manual, and what the demo runs on."""
    packed = _PACKAGE / "config" / "default.toml"
    return packed if packed.is_file() else _PACKAGE.parent / "config.toml"
