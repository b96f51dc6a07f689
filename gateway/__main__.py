"""`python -m gateway`, and the script `paymux`."""

from __future__ import annotations

import sys

from cyclopts import App

import gateway
from gateway.config.packages import ForeignPackage, check_packages


def build() -> App:
    """The command line. Our packages have common names: that they are ours is checked before anything of them is used.

    Raises:
        ForeignPackage: another distribution's `adapters` or `routing` stands in the way.
    """
    check_packages()
    from gateway.cli.admin import admin
    from gateway.cli.db import db
    from gateway.cli.demo import demo
    from gateway.cli.freeze import freeze
    from gateway.cli.payout import payout
    from gateway.cli.quarantine import quarantine
    from gateway.cli.sandbox import sandbox
    from gateway.cli.serve import serve
    from gateway.cli.simulate import simulate

    app = App(
        name="paymux",
        help="An async payout gateway: one order in, one payment out, a signed callback; never twice, never lost.",
        version=gateway.__version__,
    )
    for command in (serve, demo, sandbox, simulate):
        app.command(command)
    for group in (admin, payout, freeze, quarantine, db):
        app.command(group)
    return app


def main() -> None:
    """Run the command line; the exit code says how it went (docs/operations.md)."""
    try:
        app = build()
    except ForeignPackage as error:
        sys.exit(str(error))
    app()


if __name__ == "__main__":
    main()
