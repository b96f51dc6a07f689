"""The mock as the conformance kit sees it."""

from __future__ import annotations

from adapters.conformance.world import ChannelUnderTest
from adapters.mock import SPEC
from adapters.sandbox.books import BookEntry

SUBJECT = ChannelUnderTest(
    spec=SPEC,
    table=lambda _keys, _url: {},
    signature_headers=("x-mock-signature",),
    books=lambda channel: [BookEntry(**row) for row in channel.books()],
)
