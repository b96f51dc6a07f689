"""Writing config.toml files for tests, with adapters that need nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.channel import Channel, ChannelContext, ChannelSettings
from adapters.spec import AdapterSpec
from gateway.config.config import Config
from gateway.config.errors import ConfigError, Fault
from gateway.config.load import load
from gateway.config.mint import mint_sandbox_secrets
from gateway.secret import SecretRef


class Nested(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    serial: str = ""
    level: int = 0


class FakeSettings(BaseModel):
    """What an adapter's own table may look like: strings, a secret, a table of its own."""

    model_config = ConfigDict(strict=True, extra="forbid")

    base_url: str = "http://127.0.0.1:9100"
    merchant_id: str = "m1"
    private_key: SecretRef | None = None
    nested: Nested = Nested()


class RemoteSettings(BaseModel):
    """An adapter whose address is a default."""

    base_url: str = "https://pay.example"


def _live_faults(settings: FakeSettings) -> list[str]:
    return ["merchant_id is the test merchant"] if settings.merchant_id == "test" else []


def _build(_name: str, _settings: ChannelSettings, _context: ChannelContext) -> Channel:
    raise AssertionError("the configuration builds no channels")


def fake_spec(name: str, settings: type[BaseModel] = FakeSettings) -> AdapterSpec:
    live: Any = _live_faults
    return AdapterSpec(name=name, version="1", settings=settings, build=_build, live_faults=live)


SPECS: Mapping[str, AdapterSpec] = MappingProxyType({name: fake_spec(name) for name in ("mock", "wechat", "bank")})

CHANNEL = """
[channels.alpha]
adapter = "bank"
currencies = ["CNY"]
methods = ["bank_account"]
fees = [{ kind = "flat", currency = "CNY", amount = 200 }]
"""
"""The least a channel needs."""

LIVE = """version = 1
[gateway]
mode = "live"
listen = "0.0.0.0:8443"
public_url = "https://pay.example/"
trusted_proxies = ["10.0.0.0/8"]
sealing_key = "env:SEALING"
identity_key = "env:IDENTITY"
fingerprint_key = "credential:fingerprint"
[channels.alpha]
adapter = "bank"
currencies = ["CNY"]
methods = ["bank_account"]
fees = [{ kind = "flat", currency = "CNY", amount = 200 }]
settings = { base_url = "https://bank.example", merchant_id = "m", nested = { serial = "s" } }
[apps.acme]
keys = [{ id = "acme-2026", algorithm = "hmac-sha256", secret = "env:ACME" }]
callbacks = [{ url = "https://acme.example/payouts", secret = "env:ACME_CALLBACK" }]
"""
"""A live configuration in order; its secrets come from the environment."""


def write(folder: Path, text: str, name: str = "config.toml") -> Path:
    """`text` in a file of its own, with a mode that is accepted whatever the umask."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    path.chmod(0o600)
    return path


def load_text(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    return load(write(folder, text), environ or {}, SPECS)


def faults(folder: Path, text: str) -> tuple[Fault, ...]:
    """The faults of `text`; fails when there are none."""
    try:
        load_text(folder, text)
    except ConfigError as error:
        return error.faults
    raise AssertionError("the file was accepted")


def shown(folder: Path, text: str) -> list[str]:
    """The faults as an operator reads them, without the folder."""
    return [str(fault).removeprefix(f"{folder}{os.sep}") for fault in faults(folder, text)]


def line_of(text: str, part: str) -> int:
    """The line of `text` that contains `part`, counted from 1; exactly one must."""
    found = [number for number, line in enumerate(text.split("\n"), 1) if part in line]
    if len(found) != 1:
        raise AssertionError(f"{part!r} is on {len(found)} lines")
    return found[0]


def mint_in(folder: Path) -> tuple[list[str], dict[str, bytes]]:
    """Mint in `folder`, which has a config.toml: the names this call made, and what is there now. Runs anywhere."""
    config = load(folder / "config.toml", {}, SPECS)
    minted = [path.name for path in mint_sandbox_secrets(config)]
    settled = (path for path in config.keys_dir.iterdir() if not path.name.startswith("."))
    return minted, {path.name: path.read_bytes() for path in settled}
