"""`python -m gateway`, and the script `paymux`."""

from __future__ import annotations

import importlib
import sys

from cyclopts import App

import gateway
from gateway.config.packages import ForeignPackage, check_packages

COMMANDS = (
    "serve",
    "check",
    "plan",
    "reload",
    "config",
    "channel",
    "demo",
    "sandbox",
    "explain",
    "simulate",
    "lab",
    "admin",
    "payout",
    "hold",
    "freeze",
    "quarantine",
    "callback",
    "audit",
    "export",
    "db",
    "archive",
    "keys",
    "doctor",
    "adapter",
)
"""Each stands in the module of its name."""


def build(asked_for: str | None = None) -> App:
    """The command line: of all commands, or only of the one asked for, so that a small one starts quickly.

    Our packages have common names: that they are ours is checked before anything of them is used.

    Raises:
        ForeignPackage: another distribution's `adapters` or `routing` stands in the way.
    """
    check_packages()
    app = App(
        name="paymux",
        help="An async payout gateway: one order in, one payment out, a signed callback; never twice, never lost.",
        version=gateway.__version__,
    )
    for name in (asked_for,) if asked_for in COMMANDS else COMMANDS:
        app.command(getattr(importlib.import_module(f"gateway.cli.{name}"), name))
    return app


def main() -> None:
    """Run the command line; the exit code says how it went (docs/operations.md)."""
    try:
        app = build(sys.argv[1] if len(sys.argv) > 1 else None)
    except ForeignPackage as error:
        sys.exit(str(error))
    app()


if __name__ == "__main__":
    main()
