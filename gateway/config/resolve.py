"""Secrets at start: every reference is looked up once, checked for its form, and handed on as an object.

Whatever is missing, readable by others or malformed is a fault at the line that names it; all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from gateway.callbacks.endpoint import Endpoint, endpoint_id
from gateway.config import shapes
from gateway.config.app_part import Algorithm, AppKeyPart, CallbackPart, Scope
from gateway.config.config import Config
from gateway.config.errors import ConfigError, Fault, Loc, dotted
from gateway.config.live import THROWAWAY, strings
from gateway.config.mint import callback_secret_path, gateway_key_path, test_key_path
from gateway.config.model import Tls
from gateway.secret import Secret, SecretError, SecretResolver

T = TypeVar("T")
R = TypeVar("R")

REFERENCE = re.compile(r"(env|file|credential):\S+")
"""A value that names a secret."""


@dataclass(frozen=True, slots=True)
class AppKey:
    """One key of one app."""

    id: str
    app: str
    algorithm: Algorithm
    material: Secret
    """For `ed25519` the 32 raw bytes of the public key, for `hmac-sha256` the shared secret."""
    scopes: frozenset[Scope]
    allow_from: tuple[IPv4Network | IPv6Network, ...] = ()
    """The networks it may be used from; none: from anywhere."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for `ssl.SSLContext.load_cert_chain`."""

    cert: Path
    key: Path
    mark: bytes = field(default=b"", repr=False)
    """A digest of both, as they were looked up."""


@dataclass(frozen=True, slots=True)
class ResolvedSecrets:
    """Everything secret that the gateway itself needs. Channels resolve their own, through `ChannelContext.secret`."""

    sealing_key: Secret
    """32 bytes: what seals personal data at rest."""
    identity_key: Secret
    """32 bytes: what `channel_reference` is derived under. Never changed (R5)."""
    fingerprint_key: Secret
    """32 bytes: what request fingerprints are keyed with."""
    app_keys: Mapping[str, AppKey]
    """By key id."""
    test_keys: Mapping[str, Secret]
    """Sandbox only, by app: the bearer key of an app without keys of its own."""
    endpoints: Mapping[str, tuple[Endpoint, ...]]
    """By app; an app without callbacks has an empty tuple."""
    tls: TlsFiles | None = None
    postgres: Secret | None = None
    """The address of the database, where it is a PostgreSQL."""
    old_sealing_keys: tuple[Secret, ...] = ()
    """Those that were before; they only open."""

    def sealing_keys(self) -> list[bytes]:
        """All, the one that seals first."""
        return [self.sealing_key.reveal(), *(key.reveal() for key in self.old_sealing_keys)]


def resolve_secrets(config: Config, resolver: SecretResolver | None = None) -> ResolvedSecrets:
    """Look up every secret of `config`; by default with its own environment and folder.

    In sandbox mode call `mint.mint_sandbox_secrets` first: what the file does not name is read from there. The
    secrets in channels' settings are looked up too, so that a missing one is found at start, but not kept.

    Raises:
        ConfigError: every secret that is missing, readable by others, or not of the form it must have.
    """
    work = _Work(config, resolver or config.resolver())
    keys = [work.gateway_key(name) for name in ("sealing_key", "identity_key", "fingerprint_key")]
    old_sealing_keys = work.old_sealing_keys()
    app_keys = work.app_keys()
    test_keys = {name: work.test_key(name) for name, app in config.apps.items() if not app.keys and config.sandbox}
    endpoints = {name: work.endpoints(name) for name in config.apps}
    tls = work.tls(config.gateway.tls)
    postgres = work.postgres()
    work.channel_settings()
    if work.faults:
        raise ConfigError(work.faults)
    sealing, identity, fingerprint = (key for key in keys if key)
    return ResolvedSecrets(
        sealing_key=sealing,
        identity_key=identity,
        fingerprint_key=fingerprint,
        app_keys=MappingProxyType(app_keys),
        test_keys=MappingProxyType({name: key for name, key in test_keys.items() if key}),
        endpoints=MappingProxyType(endpoints),
        tls=tls,
        postgres=postgres,
        old_sealing_keys=old_sealing_keys,
    )


DATABASE: Loc = ("gateway", "database")


def address(config: Config, look_up: Callable[[Loc, str], Secret | None]) -> Secret | None:
    """Of the PostgreSQL, written out or named; None for a SQLite file."""
    written = config.gateway.database
    if not config.on_postgres or written is None:
        return None
    return look_up(DATABASE, written) if REFERENCE.fullmatch(written) else Secret(written.encode(), "gateway.database")


@dataclass(slots=True)
class _Work:
    """One pass over a configuration; `faults` grows, nothing is raised before the end."""

    config: Config
    resolver: SecretResolver
    faults: list[Fault] = field(default_factory=list)

    def gateway_key(self, name: str) -> Secret | None:
        reference = getattr(self.config.gateway, name) or f"file:{gateway_key_path(self.config, name)}"
        secret = self._secret(("gateway", name), reference)
        return self._shaped(("gateway", name), secret, shapes.key_32) if secret else None

    def old_sealing_keys(self) -> tuple[Secret, ...]:
        keys = []
        for index, reference in enumerate(self.config.gateway.old_sealing_keys):
            loc: Loc = ("gateway", "old_sealing_keys", index)
            keys.append(self._shaped(loc, self._secret(loc, reference), shapes.key_32))
        return tuple(key for key in keys if key)

    def postgres(self) -> Secret | None:
        return self._shaped(DATABASE, address(self.config, self._secret), shapes.postgres_address)

    def test_key(self, app: str) -> Secret | None:
        return self._secret(("apps", app), f"file:{test_key_path(self.config, app)}")

    def app_keys(self) -> dict[str, AppKey]:
        found: dict[str, AppKey] = {}
        seen: dict[bytes, Loc] = {}
        for name, app in self.config.apps.items():
            for index, part in enumerate(app.keys):
                loc: Loc = ("apps", name, "keys", index)
                key = self._app_key(loc, name, part)
                if key is not None and self._unshared(seen, loc, key):
                    found[key.id] = key
        return found

    def _app_key(self, loc: Loc, app: str, part: AppKeyPart) -> AppKey | None:
        if part.secret is not None:
            where = (*loc, "secret")
            material = self._shaped(where, self._secret(where, part.secret), shapes.hmac_secret)
        else:
            where = (*loc, "public_key")
            material = self._shaped(where, self._public(where, part.public_key or ""), shapes.public_key)
        return AppKey(part.id, app, part.algorithm, material, part.scopes, part.allow_from) if material else None

    def _unshared(self, seen: dict[bytes, Loc], loc: Loc, key: AppKey) -> bool:
        """One key belongs to one app: or a signature would say less than who is calling."""
        first = seen.setdefault(key.material.reveal(), loc)
        if first[:2] == loc[:2]:
            return True
        self._refuse(loc, f"is the same key as {dotted(first)} (line {self.config.lines(first)})")
        return False

    def endpoints(self, app: str) -> tuple[Endpoint, ...]:
        parts = self.config.apps[app].callbacks
        made = [self._endpoint(("apps", app, "callbacks", index), app, part) for index, part in enumerate(parts)]
        return tuple(endpoint for endpoint in made if endpoint)

    def _endpoint(self, loc: Loc, app: str, part: CallbackPart) -> Endpoint | None:
        where = (*loc, "secret")
        reference = part.secret or f"file:{callback_secret_path(self.config, app)}"
        secret = self._shaped(where, self._secret(where, reference), shapes.callback_secret)
        signing: tuple[Secret, ...] = ()
        if part.signing_key is not None:
            where = (*loc, "signing_key")
            key = self._shaped(where, self._secret(where, part.signing_key), shapes.signing_key)
            signing = (key,) if key else ()
        if secret is None:
            return None
        return Endpoint(endpoint_id(app, part.url), app, part.url, (secret,), signing, part.events)

    def tls(self, part: Tls | None) -> TlsFiles | None:
        if part is None:
            return None
        cert, chain = self.config.base / part.cert, b""
        try:
            chain = cert.read_bytes()
        except OSError as error:
            self._refuse(("gateway", "tls", "cert"), f"{cert}: {error.strerror}")
        secret = self._secret(("gateway", "tls", "key"), part.key)
        mark = sha256(sha256(chain).digest() + (secret.reveal() if secret else b"")).digest()
        scheme, _, name = part.key.partition(":")
        folder = (
            Path(self.resolver.environ.get("CREDENTIALS_DIRECTORY", "")) if scheme == "credential" else self.config.base
        )
        return TlsFiles(cert, folder / name, mark)

    def channel_settings(self) -> None:
        """Only tried: what a channel needs it asks for itself when it is built."""
        for name, channel in self.config.channels.items():
            for loc, text in strings(channel.settings, ("channels", name, "settings")):
                if REFERENCE.fullmatch(text):
                    self._secret(loc, text)

    def _secret(self, loc: Loc, reference: str) -> Secret | None:
        try:
            secret = self.resolver(reference)
        except SecretError as error:
            self._refuse(loc, str(error))
            return None
        if not self.config.sandbox and secret.reveal().startswith((b"test_", THROWAWAY.encode())):
            self._refuse(loc, "a test key: not in live mode")
        return secret

    def _public(self, loc: Loc, text: str) -> bytes | None:
        """A public key may be read by everybody, so its file's mode does not matter."""
        scheme, _, name = text.partition(":")
        if scheme == "file":
            try:
                return (self.config.base / name).read_bytes()
            except OSError as error:
                self._refuse(loc, f"{text}: {error.strerror}")
                return None
        if REFERENCE.fullmatch(text):
            secret = self._secret(loc, text)
            return secret.reveal() if secret else None
        return text.encode()

    def _shaped(self, loc: Loc, value: T | None, shape: Callable[[T], R]) -> R | None:
        if value is None:
            return None
        try:
            return shape(value)
        except ValueError as error:
            self._refuse(loc, str(error))
            return None

    def _refuse(self, loc: Loc, what: str) -> None:
        self.faults.append(self.config.fault(loc, what))
