"""`python -m gateway`, and the script `paymux`."""

from __future__ import annotations

from cyclopts import App

import gateway
from gateway.cli.demo import demo
from gateway.cli.sandbox import sandbox
from gateway.cli.serve import serve

app = App(
    name="paymux",
    help="An async payout gateway: one order in, one payment out, a signed callback back; never twice, never lost.",
    version=gateway.__version__,
)
for command in (serve, demo, sandbox):
    app.command(command)


def main() -> None:
    """Run the command line; the exit code says how it went (docs/operations.md)."""
    app()


if __name__ == "__main__":
    main()
