"""Bank-direct payouts: ISO 20022 over HTTPS with signed messages. See README.md beside this file."""

from __future__ import annotations

from adapters.bank.build import ADAPTER, VERSION, build
from adapters.bank.config import BankSettings, live_faults
from adapters.bank.sandbox import BankSandbox, BankSandboxOptions
from adapters.bank.sandbox.keys import mint
from adapters.spec import AdapterSpec, Sandbox, SandboxPlace


def sandbox(place: SandboxPlace) -> Sandbox:
    """The sandbox bank, standing at `place`."""
    options = BankSandboxOptions(
        keys=place.keys,
        port=place.port,
        control_port=place.control_port,
        notify_url=place.notify_url,
        tls=place.tls,
    )
    return BankSandbox(options, place.clock)


SPEC = AdapterSpec(
    ADAPTER, VERSION, BankSettings, build, live_faults, mint, sandbox, "adapters.bank.conformance:SUBJECT"
)
