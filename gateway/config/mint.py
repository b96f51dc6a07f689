"""Secrets that a sandbox makes for itself at its first start, so that it runs without anybody making keys.

Each is a 0600 file in `state_dir/keys`. Writing is whole or not at all and never replaces: the content goes to a
file of its own (O_EXCL), which is then linked to its name; when two processes do it at once, one link wins and both
read the same.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.config.config import Config

GATEWAY_KEYS = ("sealing_key", "identity_key", "fingerprint_key")


def mint_sandbox_secrets(config: Config) -> tuple[Path, ...]:
    """Make what is missing; what is there stays. The paths that are new, for the operator to see.

    In live mode nothing is minted. Raises OSError when the state folder cannot be written.
    """
    if not config.sandbox:
        return ()
    return tuple(path for path, make in _wanted(config) if _mint(path, make))


def gateway_key_path(config: Config, key: str) -> Path:
    return config.keys_dir / key


def test_key_path(config: Config, app: str) -> Path:
    """The bearer key of an app that has no keys of its own."""
    return config.keys_dir / f"app-{app}.test_key"


def callback_secret_path(config: Config, app: str) -> Path:
    """The signing secret of an app's callbacks that name none."""
    return config.keys_dir / f"app-{app}.callback_secret"


def _wanted(config: Config) -> Iterator[tuple[Path, Callable[[], str]]]:
    for key in GATEWAY_KEYS:
        if getattr(config.gateway, key) is None:
            yield gateway_key_path(config, key), lambda: secrets.token_hex(32)
    for name, app in config.apps.items():
        if not app.keys:
            yield test_key_path(config, name), lambda: "test_" + secrets.token_urlsafe(30)
        if any(callback.secret is None for callback in app.callbacks):
            yield callback_secret_path(config, name), _callback_secret


def _callback_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _mint(path: Path, make: Callable[[], str]) -> bool:
    """Whether this call made it."""
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(own, make() + "\n")
        return _link(own, path)
    finally:
        own.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _link(own: Path, path: Path) -> bool:
    try:
        path.hardlink_to(own)
    except FileExistsError:
        return False
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # an identity key that a power cut forgets would give new ids to old orders
    finally:
        os.close(folder)
    return True
