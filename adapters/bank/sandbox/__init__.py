"""The sandbox bank: the wire of the bank-direct channel from the other side. See the README one folder up."""

from __future__ import annotations

from adapters.bank.sandbox.options import BankSandboxOptions, Lookup, NotifyFormat, StatementFault
from adapters.bank.sandbox.server import BankSandbox

__all__ = ["BankSandbox", "BankSandboxOptions", "Lookup", "NotifyFormat", "StatementFault"]
