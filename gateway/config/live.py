"""The doors (R21): what must not stand in a live configuration, and what must not leave a sandbox one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.config.app_part import AppPart
from gateway.config.draft import Draft
from gateway.config.errors import Loc
from gateway.config.model import GatewayPart, Mode
from gateway.config.translate import Found
from gateway.config.urls import is_loopback, is_private, split_url

THROWAWAY = "throwaway-test-"
"""Key ids that begin so are published in full (tests/vectors)."""


def check_doors(made: Draft) -> Iterator[Found]:
    """The checks of the mode the file declares."""
    if made.gateway is not None:
        yield from (_live if made.gateway.mode is Mode.LIVE else _sandbox)(made, made.gateway)


def _sandbox(made: Draft, gateway: GatewayPart) -> Iterator[Found]:
    for key in ("listen", "admin_listen", "health_listen"):
        address = getattr(gateway, key)
        if address is not None and not address.loopback:
            yield ("gateway", key), "in sandbox mode listeners are on the loopback, e.g. 127.0.0.1", None
    for loc, text in _strings(made):
        if text.startswith(("http://", "https://")) and not _loopback_url(text):
            yield loc, "in sandbox mode a channel is on the loopback: set it to http://127.0.0.1:PORT", None


def _live(made: Draft, gateway: GatewayPart) -> Iterator[Found]:
    yield from _live_gateway(gateway)
    for name, channel in made.channels.items():
        loc: Loc = ("channels", name)
        if channel.adapter == "mock":
            yield (*loc, "adapter"), "the mock pays nobody: not in live mode", None
        elif name in made.settings:
            for what in made.specs[channel.adapter].live_faults(made.settings[name]):
                yield (*loc, "settings"), f"not in live mode: {what}", None
    for loc, text in _strings(made):
        yield from _live_string(loc, text)
    for name, app in made.apps.items():
        yield from _live_app(("apps", name), app)
    yield from _minted(made, gateway)


def _live_gateway(gateway: GatewayPart) -> Iterator[Found]:
    loc: Loc = ("gateway",)
    if gateway.tls is None and not gateway.trusted_proxies:
        yield loc, "live mode needs tls, or trusted_proxies that end TLS for us", None
    for key in ("sealing_key", "identity_key", "fingerprint_key"):
        if getattr(gateway, key) is None:
            yield (*loc, key), "is required in live mode: nothing is minted there", None
    if gateway.public_url is None:
        yield (*loc, "public_url"), "is required in live mode: where channels reach us, https://", None
    elif split_url(gateway.public_url).scheme != "https":
        yield (*loc, "public_url"), "must be https:// in live mode", None


def _live_string(loc: Loc, text: str) -> Iterator[Found]:
    """One string of a channel's settings; the adapter's own `live_faults` may say more."""
    if text.startswith("http://"):
        yield loc, "plain http: not in live mode", None
    if text.startswith(THROWAWAY):
        yield loc, "a published test key: not in live mode", None


def _live_app(loc: Loc, app: AppPart) -> Iterator[Found]:
    if not app.keys:
        yield (*loc, "keys"), "an app needs a key in live mode: bearer test keys are for the sandbox", None
    for index, key in enumerate(app.keys):
        if key.id.startswith(THROWAWAY):
            yield (*loc, "keys", index, "id"), "a published test key: not in live mode", None
    for index, callback in enumerate(app.callbacks):
        url = split_url(callback.url)
        here = (*loc, "callbacks", index)
        if url.scheme != "https":
            yield (*here, "url"), "must be https:// in live mode", None
        if is_private(url.hostname or ""):
            yield (*here, "url"), "a private address: not in live mode", None
        if callback.secret is None:
            yield (*here, "secret"), "is required in live mode: nothing is minted there", None


def _minted(made: Draft, gateway: GatewayPart) -> Iterator[Found]:
    """A reference into the folder where the sandbox mints its secrets."""
    base = made.source.path.absolute().parent
    minted = base / gateway.state_dir / "keys"
    for loc, text in strings({section: made.source.data.get(section) for section in ("gateway", "channels", "apps")}):
        scheme, _, name = text.partition(":")
        if scheme == "file" and _within(base / name, minted):
            yield loc, "a secret minted for the sandbox: not in live mode", None


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _strings(made: Draft) -> Iterator[tuple[Loc, str]]:
    """Every string in every channel's settings, an adapter's own defaults included: one of them is an address."""
    for name, channel in made.channels.items():
        validated = made.settings.get(name)
        table = validated.model_dump(by_alias=True) if validated else channel.settings
        yield from strings(table, ("channels", name, "settings"))


def strings(value: object, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """Every string in `value`, with its place."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings(inner, (*loc, key))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, inner in enumerate(value):
            yield from strings(inner, (*loc, index))


def _loopback_url(text: str) -> bool:
    try:
        return is_loopback(split_url(text).hostname or "")
    except ValueError:
        return False
