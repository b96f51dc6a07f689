"""The files that a configuration names its secrets by: where they are, and how they stand at this moment.

A secret may change while config.toml does not: a rotated file, a mounted folder that is swapped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.config import Config
from gateway.config.live import strings


@dataclass(frozen=True, slots=True)
class Mark:
    """What stood on the disk: two that are equal were one and the same."""

    sha256: str
    """Of config.toml; empty while there is none that can be read."""
    secrets: bytes = field(repr=False)


def mark(config: Config) -> Mark:
    """Of the file that `config` came from as it is now, and of the secrets that `config` names."""
    try:
        sha256 = hashlib.sha256(config.path.read_bytes()).hexdigest()
    except OSError:
        sha256 = ""
    return Mark(sha256, standing(config))


def standing(config: Config) -> bytes:
    """A digest of every file that `config` names as a secret, a public key or a certificate: content and mode."""
    digest = hashlib.sha256()
    for path in _files(config):
        digest.update(_one(path))
    return digest.digest()


def folders(config: Config) -> frozenset[Path]:
    """Those in which a change may mean another configuration: of config.toml, and of each such file that is there."""
    named = {path.parent for path in _files(config)}
    return frozenset({config.path.parent, *(folder for folder in named if folder.is_dir())})


def _files(config: Config) -> list[Path]:
    parts = (config.gateway, *config.apps.values(), *config.channels.values())
    named = {path for part in parts for _, text in strings(part.model_dump()) for path in _file(config, text)}
    return sorted(named if config.gateway.tls is None else named | {config.base / config.gateway.tls.cert})


def _file(config: Config, text: str) -> Iterator[Path]:
    """None for what is no reference, and for one to the environment, which is as it was at the start."""
    scheme, _, name = text.partition(":")
    if scheme == "file" and "\0" not in name:
        yield config.base / name
    elif scheme == "credential" and (folder := config.environ.get("CREDENTIALS_DIRECTORY")):
        yield Path(folder) / name


def _one(path: Path) -> bytes:
    try:
        told = f"{path.stat().st_mode:o}".encode() + path.read_bytes()
    except OSError as error:
        told = type(error).__name__.encode()
    return hashlib.sha256(told).digest()
