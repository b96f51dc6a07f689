"""A channel without a network: the beneficiary's magic ending chooses the outcome (see README.md)."""

from __future__ import annotations

from adapters.mock.channel import NAME, VERSION, build
from adapters.mock.config import MockSettings, live_faults
from adapters.spec import AdapterSpec

SPEC = AdapterSpec(
    name=NAME,
    version=VERSION,
    settings=MockSettings,
    build=build,
    live_faults=live_faults,
    conformance="adapters.mock.conformance:SUBJECT",
)
