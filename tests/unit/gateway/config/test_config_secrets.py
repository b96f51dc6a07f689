"""Secrets at start: minted once in a sandbox, looked up all at once, readable by nobody else."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.callbacks.endpoint import Endpoint, endpoint_id
from gateway.config.app_part import Algorithm, Scope
from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.resolve import resolve_secrets
from gateway.secret import Secret, SecretError, SecretResolver
from tests.support.config_files import CHANNEL, LIVE, load_text, mint_in, write

SANDBOX = f"""version = 1
{CHANNEL}
[apps.demo]
callbacks = [{{ url = "http://127.0.0.1:8090/callbacks" }}]
[apps.quiet]
"""

WHSEC = "whsec_" + base64.b64encode(b"s" * 32).decode()


def private(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def refused(config: Config) -> list[str]:
    """The faults of resolving, without the folder."""
    with pytest.raises(ConfigError) as caught:
        resolve_secrets(config)
    return [str(fault).removeprefix(f"{config.base}{os.sep}") for fault in caught.value.faults]


# minting


def test_a_sandbox_mints_what_it_needs(tmp_path: Path) -> None:
    """Three gateway keys, a test key for each app without keys, a secret for callbacks that name none."""
    config = load_text(tmp_path, SANDBOX)
    minted = mint_sandbox_secrets(config)
    assert {path.name for path in minted} == {
        "sealing_key",
        "identity_key",
        "fingerprint_key",
        "app-demo.test_key",
        "app-demo.callback_secret",
        "app-quiet.test_key",
    }
    assert {path.parent for path in minted} == {tmp_path / "state" / "keys"}
    assert set(config.keys_dir.iterdir()) == set(minted)


def test_minted_secrets_have_their_forms(tmp_path: Path) -> None:
    """64 hexadecimal digits; `test_` and 40 URL-safe characters; `whsec_` and the base64 of 32 bytes."""
    config = load_text(tmp_path, SANDBOX)
    mint_sandbox_secrets(config)
    text = {path.name: path.read_text() for path in config.keys_dir.iterdir()}
    keys = [text["sealing_key"], text["identity_key"], text["fingerprint_key"]]
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", key) for key in keys)
    assert len(set(keys)) == 3
    assert re.fullmatch(r"test_[A-Za-z0-9_-]{40}\n", text["app-demo.test_key"])
    assert text["app-demo.test_key"] != text["app-quiet.test_key"]
    assert len(base64.b64decode(text["app-demo.callback_secret"].removeprefix("whsec_"))) == 32


def test_minted_secrets_are_ours_alone(tmp_path: Path) -> None:
    """0600 in a folder that is 0700, whatever the umask."""
    before = os.umask(0)
    try:
        minted = mint_sandbox_secrets(load_text(tmp_path, SANDBOX))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in minted} == {0o600}
    assert stat.S_IMODE(minted[0].parent.stat().st_mode) == 0o700


def test_minting_again_changes_nothing(tmp_path: Path) -> None:
    """The identity key above all: new ids for old orders would pay twice."""
    config = load_text(tmp_path, SANDBOX)
    mint_sandbox_secrets(config)
    first = {path: path.read_bytes() for path in config.keys_dir.iterdir()}
    assert mint_sandbox_secrets(config) == ()
    assert {path: path.read_bytes() for path in config.keys_dir.iterdir()} == first


def test_processes_that_mint_at_once_agree(tmp_path: Path) -> None:
    """Each secret is made by exactly one of them, and all read the same."""
    write(tmp_path, SANDBOX)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(mint_in, [tmp_path] * 6))
    minted = [name for names, _ in results for name in names]
    assert len(minted) == len(set(minted)) == 6
    assert all(seen == results[0][1] for _, seen in results)
    assert not [path for path in (tmp_path / "state" / "keys").iterdir() if path.name.startswith(".")]


def test_what_the_file_names_is_not_minted(tmp_path: Path) -> None:
    """A reference wins."""
    text = SANDBOX.replace("version = 1\n", 'version = 1\n[gateway]\nsealing_key = "env:SEALING"\n')
    assert "sealing_key" not in {path.name for path in mint_sandbox_secrets(load_text(tmp_path, text))}


def test_nothing_is_minted_in_live_mode(tmp_path: Path) -> None:
    """Not even the folder."""
    assert mint_sandbox_secrets(load_text(tmp_path, LIVE)) == ()
    assert not (tmp_path / "state").exists()


# resolving


def test_a_minted_sandbox_resolves(tmp_path: Path) -> None:
    """Keys as bytes, test keys by app, endpoints with their ids."""
    config = load_text(tmp_path, SANDBOX)
    mint_sandbox_secrets(config)
    found = resolve_secrets(config)
    hex_key = (config.keys_dir / "identity_key").read_text().strip()
    assert found.identity_key.reveal() == bytes.fromhex(hex_key)
    assert {len(key.reveal()) for key in (found.sealing_key, found.identity_key, found.fingerprint_key)} == {32}
    assert set(found.test_keys) == {"demo", "quiet"}
    assert found.test_keys["demo"].text() == (config.keys_dir / "app-demo.test_key").read_text().strip()
    [endpoint] = found.endpoints["demo"]
    assert endpoint.id == endpoint_id("demo", "http://127.0.0.1:8090/callbacks")
    assert endpoint.secrets[0].text().startswith("whsec_")
    assert (found.endpoints["quiet"], found.app_keys, found.tls) == ((), {}, None)
    assert hex_key not in repr(found)


def test_a_live_configuration_resolves_from_environment_and_credentials(tmp_path: Path) -> None:
    """systemd's credentials and environment variables; nothing from the state folder."""
    private(tmp_path / "creds" / "fingerprint", "ab" * 32, 0o400)
    environ = {
        "SEALING": "00" * 32,
        "IDENTITY": "FF" * 32,
        "CREDENTIALS_DIRECTORY": str(tmp_path / "creds"),
        "ACME": "a" * 32,
        "ACME_CALLBACK": WHSEC,
    }
    found = resolve_secrets(load_text(tmp_path, LIVE, environ))
    assert found.fingerprint_key.reveal() == b"\xab" * 32
    key = found.app_keys["acme-2026"]
    assert (key.app, key.algorithm, key.scopes) == ("acme", Algorithm.HMAC_SHA256, frozenset(Scope))
    assert key.material.reveal() == b"a" * 32
    url = "https://acme.example/payouts"
    assert found.endpoints["acme"] == (
        Endpoint(endpoint_id("acme", url), "acme", url, (Secret(WHSEC.encode(), "env:ACME_CALLBACK"),)),
    )
    assert found.test_keys == {}


def test_every_missing_secret_is_a_fault_at_its_line(tmp_path: Path) -> None:
    """All at once, those of the channels too."""
    text = LIVE.replace('serial = "s"', 'serial = "env:SERIAL"')
    assert refused(load_text(tmp_path, text)) == [
        "config.toml:7: gateway.sealing_key: env:SEALING: empty or not set",
        "config.toml:8: gateway.identity_key: env:IDENTITY: empty or not set",
        "config.toml:9: gateway.fingerprint_key: credential:fingerprint: CREDENTIALS_DIRECTORY is not set",
        "config.toml:15: channels.alpha.settings.nested.serial: env:SERIAL: empty or not set",
        "config.toml:17: apps.acme.keys.0.secret: env:ACME: empty or not set",
        "config.toml:18: apps.acme.callbacks.0.secret: env:ACME_CALLBACK: empty or not set",
    ]


def test_a_sandbox_that_was_not_minted_does_not_start(tmp_path: Path) -> None:
    """Missing files are faults like any other."""
    found = refused(load_text(tmp_path, SANDBOX))
    assert len(found) == 6
    assert all("No such file" in fault for fault in found)


FORMS = {
    "a key that is too short": ("SEALING", "00" * 31, "gateway.sealing_key: a key is 32 random bytes"),
    "a key that is no hex": ("IDENTITY", "xy" * 32, "gateway.identity_key: a key is 32 random bytes"),
    "an HMAC secret that is short": ("ACME", "a" * 31, "apps.acme.keys.0.secret: an HMAC secret has at least 32"),
    "a test key": ("ACME", "test_" + "a" * 40, "apps.acme.keys.0.secret: a test key: not in live mode"),
    "a published key": ("ACME", "throwaway-test-" + "a" * 40, "apps.acme.keys.0.secret: a test key: not in live"),
    "a callback secret without its prefix": (
        "ACME_CALLBACK",
        "c" * 44,
        "apps.acme.callbacks.0.secret: a callback secret is whsec_",
    ),
    "a callback secret that is no base64": ("ACME_CALLBACK", "whsec_" + "!" * 44, "apps.acme.callbacks.0.secret"),
    "a callback secret that is short": ("ACME_CALLBACK", "whsec_" + "YQ==", "apps.acme.callbacks.0.secret"),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_secret_of_another_form_is_a_fault(tmp_path: Path, case: str) -> None:
    """Found at start, not when the first payout needs it; the text does not hold the secret."""
    name, value, expected = FORMS[case]
    private(tmp_path / "fingerprint", "ab" * 32)
    environ = {"SEALING": "00" * 32, "IDENTITY": "FF" * 32, "ACME": "a" * 32, "ACME_CALLBACK": WHSEC}
    config = load_text(tmp_path, LIVE, {**environ, "CREDENTIALS_DIRECTORY": str(tmp_path), name: value})
    [fault] = refused(config)
    assert expected in fault
    assert value not in fault


def with_key(material: str) -> str:
    return f"{SANDBOX}[apps.signed]\nkeys = [{{ id = 's1', algorithm = 'ed25519', public_key = {material} }}]\n"


def pem_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_public_key_may_be_read_by_everybody(tmp_path: Path) -> None:
    """By file whatever its mode, by environment, or written out; all three give the raw key."""
    key = Ed25519PrivateKey.generate()
    pem, raw = pem_of(key), key.public_key().public_bytes_raw()
    private(tmp_path / "acme.pub", pem, 0o644)
    for material in ('"file:acme.pub"', '"env:PUB"', f"'''{pem}'''"):
        config = load_text(tmp_path, with_key(material), {"PUB": pem})
        mint_sandbox_secrets(config)
        assert resolve_secrets(config).app_keys["s1"].material.reveal() == raw


def test_another_kind_of_public_key_is_a_fault(tmp_path: Path) -> None:
    """Ed25519 only; garbage and missing files too."""
    rsa = generate_private_key(65537, 2048).public_key()
    private(tmp_path / "rsa.pub", rsa.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private(tmp_path / "bad.pub", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    for name, what in (("rsa", "not an Ed25519"), ("bad", "not an Ed25519"), ("none", "No such file")):
        config = load_text(tmp_path, with_key(f'"file:{name}.pub"'))
        mint_sandbox_secrets(config)
        [fault] = refused(config)
        assert "apps.signed.keys.0.public_key" in fault
        assert what in fault


def test_one_key_belongs_to_one_app(tmp_path: Path) -> None:
    """Two apps with one public key could speak for each other."""
    pem = pem_of(Ed25519PrivateKey.generate())
    text = (
        with_key(f"'''{pem}'''")
        + f"[apps.twin]\nkeys = [{{ id = 't1', algorithm = 'ed25519', public_key = '''{pem}''' }}]\n"
    )
    config = load_text(tmp_path, text)
    mint_sandbox_secrets(config)
    [fault] = refused(config)
    assert "apps.twin.keys.0: is the same key as apps.signed.keys.0 (line" in fault


def test_a_callback_may_be_signed_with_ed25519_too(tmp_path: Path) -> None:
    """An Ed25519 private key in PEM; anything else is a fault."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private(tmp_path / "sign.pem", pem)
    text = SANDBOX.replace('callbacks" }', 'callbacks", signing_key = "file:sign.pem" }')
    config = load_text(tmp_path, text)
    mint_sandbox_secrets(config)
    [endpoint] = resolve_secrets(config).endpoints["demo"]
    assert endpoint.signing_keys[0].reveal() == pem.rstrip()
    private(tmp_path / "sign.pem", "not a key")
    [fault] = refused(config)
    assert "apps.demo.callbacks.0.signing_key: not an unencrypted Ed25519 private key" in fault


def test_tls_files_are_checked(tmp_path: Path) -> None:
    """The chain must be there, the key must be ours alone; both come out as paths."""
    tls = 'version = 1\n[gateway]\ntls = { cert = "chain.pem", key = "file:key.pem" }\n'
    config = load_text(tmp_path, tls)
    mint_sandbox_secrets(config)
    missing = refused(config)
    assert len(missing) == 2
    private(tmp_path / "chain.pem", "chain", 0o644)
    private(tmp_path / "key.pem", "key", 0o644)
    [fault] = refused(config)
    assert "gateway.tls.key: file:" in fault
    assert "mode 0644" in fault
    (tmp_path / "key.pem").chmod(0o400)
    found = resolve_secrets(config).tls
    assert found is not None
    assert (found.cert, found.key) == (tmp_path / "chain.pem", tmp_path / "key.pem")


# modes of secret files (hostile inputs 108, 109; S12)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_secret_file_of_ours_is_read(tmp_path: Path, mode: int) -> None:
    """0400, 0600, and 0440 when its group is ours; the line end at its end is not part of it."""
    private(tmp_path / "key", "s3cret\n", mode)
    assert SecretResolver(tmp_path, {})("file:key").text() == "s3cret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o777, 0o700, 0o500, 0o444, 0o4600])
def test_a_secret_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    """Every other mode, group-writable and executable ones included."""
    private(tmp_path / "key", "s3cret", mode)
    with pytest.raises(SecretError, match=f"mode {mode:04o}") as caught:
        SecretResolver(tmp_path, {})("file:key")
    assert "s3cret" not in str(caught.value)


def test_a_group_that_is_not_ours_does_not_count(tmp_path: Path) -> None:
    """0440 is for our group only."""
    private(tmp_path / "key", "s3cret", 0o440)
    if os.geteuid() == 0:
        os.chown(tmp_path / "key", -1, 54321)
        with pytest.raises(SecretError, match="mode 0440"):
            SecretResolver(tmp_path, {})("file:key")
    else:  # only root may give a file to a foreign group; the rule's other half still holds
        assert SecretResolver(tmp_path, {})("file:key").text() == "s3cret"


@pytest.mark.parametrize(
    "reference", ["env:EMPTY", "env:UNSET", "file:empty", "file:absent", "file:.", "file:a\0b", "x"]
)
def test_a_secret_that_is_not_there_is_an_error(tmp_path: Path, reference: str) -> None:
    """Unset, empty, only a line end, missing, a folder, no reference at all."""
    private(tmp_path / "empty", "\n")
    with pytest.raises(SecretError):
        SecretResolver(tmp_path, {"EMPTY": ""})(reference)


def test_a_secret_shows_stars() -> None:
    """In every way of turning it into text."""
    secret = Secret(b"s3cret", "env:X")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", "".join(map(str, [secret])), repr([secret])]
    assert not [text for text in shown if "s3cret" in text]
    assert hashlib.sha256(secret.reveal()).digest() == hashlib.sha256(b"s3cret").digest()
