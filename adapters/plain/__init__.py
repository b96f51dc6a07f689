"""A channel over JSON and HTTP, but for three functions. For authors of adapters: docs/tutorial-adapter.md.

`POST /payouts` with the order, `GET /payouts/{our reference}` to ask, notifications signed with a shared key. What
every channel has to get right is here, once: one call for each submit, a fresh signature for each transmission, echoes
compared with our order, and whatever cannot be read is unclear. Of its own a channel has the words: `PlainWire`. A wire
that differs in more than words is a `Channel` of its own.
"""

from __future__ import annotations

from functools import partial

from adapters.conformance.world import ChannelUnderTest
from adapters.plain import signing
from adapters.plain.channel import PlainChannel, build
from adapters.plain.config import PlainSettings, live_faults, mint
from adapters.plain.sandbox.peer import OtherSide, PlainPeer
from adapters.plain.words import Event, Kept, KeptState, Placed, PlainWire, Told
from adapters.spec import AdapterSpec

__all__ = [
    "Event",
    "Kept",
    "KeptState",
    "OtherSide",
    "Placed",
    "PlainChannel",
    "PlainSettings",
    "PlainWire",
    "Told",
    "adapter",
    "described",
]


def adapter(
    name: str,
    wire: PlainWire,
    other_side: OtherSide,
    *,
    version: str = "1",
    conformance: str | None = None,
    channel: type[PlainChannel] = PlainChannel,
) -> AdapterSpec:
    """What an adapter package exports as `SPEC`. `conformance` is where its `described` stands."""
    return AdapterSpec(
        name=name,
        version=version,
        settings=PlainSettings,
        build=partial(build, name, version, wire, channel),
        live_faults=live_faults,
        mint=mint,
        sandbox=lambda place: PlainPeer(place, other_side),
        conformance=conformance,
    )


def described(spec: AdapterSpec) -> ChannelUnderTest:
    """The channel as the conformance kit sees it."""
    return ChannelUnderTest(
        spec=spec,
        table=lambda keys, url: {"base_url": url, "account": "conformance", "key": f"file:{keys.name}/key"},
        signature_headers=signing.HEADERS,
        signs_answers=False,
    )
