"""The bank line as the conformance kit sees it."""

from __future__ import annotations

from adapters.bank import SPEC
from adapters.bank.sandbox.keys import client_settings
from adapters.conformance.world import ChannelUnderTest

SUBJECT = ChannelUnderTest(
    spec=SPEC,
    table=lambda keys, url: client_settings(keys.name, url),
    signature_headers=("signature", "signature-input", "content-digest"),
)
