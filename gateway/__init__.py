"""paymux: the gateway itself. Rooms are listed in docs/architecture.md."""

__version__ = "0.1.0"
