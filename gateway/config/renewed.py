"""What differs between the secrets of two configurations, by the key that names them and never by what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from gateway.config.config import Config
from gateway.config.errors import Fault
from gateway.config.mint import GATEWAY_KEYS
from gateway.config.resolve import ResolvedSecrets

T = TypeVar("T")

ANOTHER = "another secret"


def changed_keys(config: Config, old: ResolvedSecrets, new: ResolvedSecrets) -> tuple[Fault, ...]:
    """A fault for each of the gateway's own keys that is another one."""
    return tuple(
        config.fault(("gateway", key), "another key takes effect at a restart only")
        for key in GATEWAY_KEYS
        if getattr(old, key).reveal() != getattr(new, key).reveal()
    )


def renewed(old: ResolvedSecrets, new: ResolvedSecrets) -> tuple[str, ...]:
    """Apps' keys and endpoints, and the TLS of `listen`, whose secrets are others, as `apps.NAME.…: another secret`."""
    return tuple(f"{key}: {ANOTHER}" for key in sorted(_renewed(old, new)))


def _renewed(old: ResolvedSecrets, new: ResolvedSecrets) -> Iterator[str]:
    if old.tls is not None and new.tls is not None and old.tls.mark != new.tls.mark:
        yield "gateway.tls"
    for key_id in _differing(old.app_keys, new.app_keys):
        was, now = old.app_keys[key_id], new.app_keys[key_id]
        if was.material.reveal() != now.material.reveal():
            yield f"apps.{now.app}.keys.{key_id}"
    for app in _differing(old.test_keys, new.test_keys):
        yield f"apps.{app}.keys"
    for app in _differing(old.endpoints, new.endpoints):
        before = {each.id: (each.secrets, each.signing_keys) for each in old.endpoints[app]}
        if any(before.get(each.id) not in (None, (each.secrets, each.signing_keys)) for each in new.endpoints[app]):
            yield f"apps.{app}.callbacks"


def _differing(old: Mapping[str, T], new: Mapping[str, T]) -> list[str]:
    return [name for name in old.keys() & new.keys() if old[name] != new[name]]
