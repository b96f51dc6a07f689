"""Bank-direct payouts: ISO 20022 over HTTPS with signed messages. See README.md beside this file."""

from __future__ import annotations

from adapters.bank.build import ADAPTER, VERSION, build
from adapters.bank.config import BankSettings, live_faults
from adapters.spec import AdapterSpec

SPEC = AdapterSpec(ADAPTER, VERSION, BankSettings, build, live_faults)
