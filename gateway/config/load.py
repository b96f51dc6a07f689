"""`load`: a path in, a checked configuration out, or every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from adapters.registry import adapters
from adapters.spec import AdapterSpec
from gateway.config.checks import CHECKS
from gateway.config.config import Config
from gateway.config.draft import Draft, draft
from gateway.config.errors import ConfigError
from gateway.config.live import check_doors
from gateway.config.read import read


def load(
    path: Path | str,
    environ: Mapping[str, str] = os.environ,
    specs: Mapping[str, AdapterSpec] | None = None,
) -> Config:
    """Read and check a config.toml. Secrets are not touched: see `resolve.resolve_secrets`.

    Args:
        path: the file; shown in faults as given.
        environ: where `env:NAME` will be looked up.
        specs: the adapters there are; by default the built-in and installed ones.

    Raises:
        ConfigError: with every fault, each at its line.
        AdapterRefused: an installed adapter that cannot be used (`adapters.registry`).
    """
    made = draft(read(Path(path)), adapters() if specs is None else specs)
    for check in (*CHECKS, check_doors):
        made.refuse(check(made))
    if made.faults:
        raise ConfigError(made.faults)
    return _config(made, environ)


def _config(made: Draft, environ: Mapping[str, str]) -> Config:
    if made.gateway is None or made.limits is None or made.holds is None or made.safety is None:
        raise ConfigError(made.faults)  # a part that did not validate has left a fault
    if made.routing is None or made.worker is None or made.callbacks is None:
        raise ConfigError(made.faults)  # as above
    return Config(
        path=made.source.path,
        base=made.source.path.absolute().parent,
        sha256=made.source.sha256,
        gateway=made.gateway,
        limits=made.limits,
        routing=made.routing,
        holds=made.holds,
        safety=made.safety,
        worker=made.worker,
        callbacks=made.callbacks,
        channels=MappingProxyType(made.channels),
        apps=MappingProxyType(made.apps),
        calendars=MappingProxyType(made.calendars),
        routes=made.routes,
        adapters=made.specs,
        environ=environ,
        lines=made.source.lines,
    )
