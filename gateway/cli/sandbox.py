"""`paymux sandbox NAME`: the other side of a channel's wire, as a server with books of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from adapters.spec import Sandbox, SandboxPlace
from gateway import log
from gateway.channels import notify_url
from gateway.cli.exit import plain_words
from gateway.clock import SystemClock
from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.prepare import prepare_secrets

CONTROL_PORT_OFFSET = 10
"""The control surface stands this far above the API unless told otherwise."""


def sandbox(
    name: str,
    *,
    config: Path = Path("config.toml"),
    port: int | None = None,
    control_port: int | None = None,
    tls: bool = False,
    amount_magic: bool = False,
) -> None:
    """Run a sandbox alone: `wechat`, `bank`, or that of an installed adapter.

    It keeps its own books, verifies signatures, signs its answers and notifications, and obeys the magic endings of
    docs/sandbox.md.

    Example: `python -m gateway sandbox bank`

    Parameters
    ----------
    name
        The adapter whose sandbox it is.
    config
        The gateway's configuration: the sandbox takes its address, keys and notification address from it.
    port
        Listen here instead of at the channel's `base_url`.
    control_port
        The control surface (books, faults, clock); by default ten above the port.
    tls
        HTTPS with its own certificate authority; the bank then demands a client certificate.
    amount_magic
        Obey the amounts of the protocol sheet too.
    """
    with plain_words():
        loaded = load(config)
        log.configure()
        os.umask(0o077)  # state, keys and books are for us alone
        asyncio.run(_run(_build(loaded, name, port, control_port, tls=tls, amount_magic=amount_magic)))


def _build(
    config: Config, name: str, port: int | None, control_port: int | None, *, tls: bool, amount_magic: bool
) -> Sandbox:
    """Raises `ConfigError` when there is no such sandbox or no channel that would talk to it."""
    spec = config.adapters.get(name)
    if spec is None or spec.sandbox is None:
        known = sorted(each.name for each in config.adapters.values() if each.sandbox is not None)
        raise ConfigError([config.fault((), f"there is no sandbox {name!r}; there are: {', '.join(known)}")])
    channel = next((each for each, part in config.channels.items() if part.adapter == name), None)
    if channel is None:
        raise ConfigError([config.fault(("channels",), f"no channel has adapter = {name!r}")])
    secrets = prepare_secrets(config)
    base = urlsplit(str(config.channels[channel].settings.get("base_url", "")))
    port = port if port is not None else base.port or 0
    place = SandboxPlace(
        keys=config.state_dir / "sandbox" / name,
        port=port,
        control_port=control_port if control_port is not None else (port + CONTROL_PORT_OFFSET if port else 0),
        notify_url=notify_url(config, secrets.identity_key.reveal(), channel),
        tls=tls,
        amount_magic=amount_magic,
        clock=SystemClock(),
    )
    return spec.sandbox(place)


async def _run(running: Sandbox) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await running.start()
    try:
        print(f"listening on {running.base_url}, control on {running.control_url}", flush=True)  # noqa: T201
        await stop.wait()
    finally:
        await running.stop()
