"""The doors (R21): what a live configuration must not hold, and what a sandbox must not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.model import Mode
from tests.support.config_files import CHANNEL, LIVE, RemoteSettings, fake_spec, faults, load_text, shown, write


def test_a_live_configuration_with_everything_in_order_is_accepted(tmp_path: Path) -> None:
    """The base of the refusals below has itself no fault."""
    config = load_text(tmp_path, LIVE)
    assert config.gateway.mode is Mode.LIVE
    assert not config.sandbox
    assert config.public_url == "https://pay.example"


REFUSED = {
    "the mock": ('adapter = "bank"', 'adapter = "mock"', 11, "channels.alpha.adapter", "the mock pays nobody"),
    "what the adapter refuses": (
        'merchant_id = "m"',
        'merchant_id = "test"',
        15,
        "channels.alpha.settings",
        "merchant_id is the test merchant",
    ),
    "a published key of a channel": (
        'serial = "s"',
        'serial = "throwaway-test-1"',
        15,
        "channels.alpha.settings.nested.serial",
        "published test key",
    ),
    "a channel over plain http": (
        "https://bank.example",
        "http://bank.example",
        15,
        "channels.alpha.settings.base_url",
        "plain http",
    ),
    "a published key of an app": ("acme-2026", "throwaway-test-a", 17, "apps.acme.keys.0.id", "published test key"),
    "an app without key": ('keys = [{ id = "acme-2026"', 'keys = [] # { id = "', 17, "apps.acme.keys", "needs a key"),
    "a callback over plain http": (
        "https://acme.example",
        "http://acme.example",
        18,
        "apps.acme.callbacks.0.url",
        "must be https",
    ),
    "a callback to a private address": (
        "https://acme.example",
        "https://10.1.2.3",
        18,
        "apps.acme.callbacks.0.url",
        "a private address",
    ),
    "a callback without secret": (
        ', secret = "env:ACME_CALLBACK"',
        "",
        18,
        "apps.acme.callbacks.0.secret",
        "is required in live mode",
    ),
    "a public URL over plain http": (
        "https://pay.example/",
        "http://pay.example/",
        5,
        "gateway.public_url",
        "must be https",
    ),
    "no public URL": ('public_url = "https://pay.example/"', "", 2, "gateway.public_url", "is required in live mode"),
    "neither TLS nor a proxy": ('trusted_proxies = ["10.0.0.0/8"]', "", 2, "gateway", "needs tls, or trusted_proxies"),
    "no sealing key": ('sealing_key = "env:SEALING"', "", 2, "gateway.sealing_key", "nothing is minted"),
    "no identity key": ('identity_key = "env:IDENTITY"', "", 2, "gateway.identity_key", "nothing is minted"),
    "no fingerprint key": (
        'fingerprint_key = "credential:fingerprint"',
        "",
        2,
        "gateway.fingerprint_key",
        "nothing is minted",
    ),
    "a minted gateway key": ("env:SEALING", "file:state/keys/sealing_key", 7, "gateway.sealing_key", "minted for the"),
    "a minted key of a channel": (
        'nested = { serial = "s" }',
        'private_key = "file:./state/../state/keys/x"',
        15,
        "channels.alpha.settings.private_key",
        "minted for the sandbox",
    ),
    "a minted callback secret": (
        "env:ACME_CALLBACK",
        "file:state/keys/app-acme.callback_secret",
        18,
        "apps.acme.callbacks.0.secret",
        "minted for the sandbox",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_live_mode_refuses(tmp_path: Path, case: str) -> None:
    """Each door by itself: exactly one fault, at its line and key."""
    right, wrong, line, key, what = REFUSED[case]
    assert right in LIVE
    [fault] = faults(tmp_path, LIVE.replace(right, wrong, 1))
    assert (fault.line, fault.key) == (line, key)
    assert what in fault.what


def test_live_mode_takes_tls_instead_of_proxies(tmp_path: Path) -> None:
    """One of the two is enough."""
    tls = 'tls = { cert = "chain.pem", key = "file:key.pem" }'
    assert load_text(tmp_path, LIVE.replace('trusted_proxies = ["10.0.0.0/8"]', tls)).gateway.tls is not None


def test_the_shipped_mode_is_sandbox(tmp_path: Path) -> None:
    """A file that does not say so does not move real money."""
    assert load_text(tmp_path, "version = 1\n").sandbox


@pytest.mark.parametrize("key", ["listen", "admin_listen", "health_listen"])
@pytest.mark.parametrize("address", ["0.0.0.0:8081", "10.0.0.1:8081", "[::]:8081"])
def test_a_sandbox_listens_on_the_loopback_only(tmp_path: Path, key: str, address: str) -> None:
    """Test keys open it, so nobody outside may knock."""
    [fault] = faults(tmp_path, f'version = 1\n[gateway]\n{key} = "{address}"\n')
    assert (fault.line, fault.key) == (3, f"gateway.{key}")
    assert "loopback" in fault.what


@pytest.mark.parametrize("address", ["127.0.0.1:8081", "127.0.0.9:8081", "[::1]:8081", "localhost:8081"])
def test_every_loopback_address_is_one(tmp_path: Path, address: str) -> None:
    """IPv4, IPv6 and the name."""
    config = load_text(tmp_path, f'version = 1\n[gateway]\nlisten = "{address}"\n')
    assert str(config.gateway.listen) == address
    assert config.public_url == f"http://{address}"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mch.weixin.qq.com",
        "http://10.0.0.1:9102",
        "http://127.0.0.1.example:1",
        "http://127.1/",
        "http://x",
    ],
)
def test_a_sandbox_channel_is_on_the_loopback_only(tmp_path: Path, url: str) -> None:
    """No test order reaches a real channel, whatever its adapter is."""
    text = f"""version = 1
[channels.alpha]
adapter = "bank"
currencies = ["CNY"]
methods = ["bank_account"]
fees = [{{ kind = "flat", currency = "CNY", amount = 200 }}]
[channels.alpha.settings]
base_url = "{url}"
"""
    [fault] = shown(tmp_path, text)
    assert fault.startswith("config.toml:8: channels.alpha.settings.base_url: in sandbox mode")


def test_a_default_address_is_looked_at_too(tmp_path: Path) -> None:
    """An adapter's own default may be the real service: a sandbox that names no address must not reach it."""
    path = write(tmp_path, f"version = 1\n{CHANNEL}")
    with pytest.raises(ConfigError) as caught:
        load(path, {}, {"bank": fake_spec("bank", RemoteSettings)})
    [fault] = caught.value.faults
    assert (fault.line, fault.key) == (3, "channels.alpha.settings.base_url")
