"""The tests' clock is that of the conformance kit."""

from __future__ import annotations

from adapters.conformance.clock import START, FakeClock, settle

__all__ = ["START", "FakeClock", "settle"]
