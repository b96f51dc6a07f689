"""`python -m bench NAME [--json]`: one measurement, printed.

decide        [--rounds N]                what a decision costs
backlog       [--n N] [--seconds S]       a start with N unfinished payouts, and how fast they are worked off
overload      [--seconds S]               three times the peak for S seconds, and the time after
slow_clients  [--n N] [--seconds S]       N clients that never finish a request
e2e           [--rounds N] [--payouts N] [--store sqlite|postgres] [--signer inline|process]
                                            the whole way of a payout, beside the bare wire
workers       [--n N] [--rounds N] [--payouts N] [--store URL]   N workers on one port, beside one process
growth        [--sizes 0,A,B] [--rounds N] [--payouts N] [--warm N]
                                            the whole way, with so many finished payouts in the store
toggle                                    a channel drained and enabled by its line in the file, under load
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench import backlog, decide, e2e, growth, overload, slow_clients, toggle, workers

Result = dict[str, Any]

MEASURE: dict[str, Callable[[argparse.Namespace], Result]] = {
    "decide": lambda options: decide.measure(options.rounds or 41),
    "backlog": lambda options: backlog.measure(options.n or 1_000_000, options.seconds or 30.0),
    "overload": lambda options: overload.measure(options.seconds or 60.0),
    "slow_clients": lambda options: slow_clients.measure(options.n or 10_000, options.seconds or 30.0),
    "e2e": lambda options: e2e.measure(options.rounds or 5, options.payouts, options.store, options.signer),
    "workers": lambda options: workers.measure(options.rounds or 5, options.payouts, options.n or 2, _server(options)),
    "growth": lambda options: growth.measure(options.rounds or 5, options.payouts, options.sizes, options.warm),
    "toggle": lambda _options: toggle.measure(),
}
TABLE: dict[str, Callable[[Result], str]] = {
    "decide": decide.table,
    "backlog": backlog.table,
    "overload": overload.table,
    "slow_clients": slow_clients.table,
    "e2e": e2e.table,
    "workers": workers.table,
    "growth": growth.table,
    "toggle": toggle.table,
}


def _sizes(text: str) -> list[int]:
    sizes = [int(each) for each in text.split(",")]
    if sizes[0] != 0 or sizes != sorted(set(sizes)):
        raise argparse.ArgumentTypeError("0 first, and each more than the one before")
    return sizes


def _server(options: argparse.Namespace) -> str | None:
    """The PostgreSQL that was given; none: one of our own."""
    return str(options.store) if "://" in options.store else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one measurement and print it; 1 when a rule that it holds to was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(MEASURE))
    parser.add_argument("--rounds", type=int, help="interleaved rounds, of which the median is told")
    parser.add_argument("--n", type=int, help="how many payouts or clients")
    parser.add_argument("--seconds", type=float, help="how long what is measured lasts")
    parser.add_argument("--payouts", type=int, default=1000, help="how many in a round")
    parser.add_argument("--store", default="sqlite", help="sqlite, postgres, or a database's address")
    parser.add_argument("--signer", default="inline", choices=["inline", "process"], help="where RSA keys sign")
    parser.add_argument("--sizes", type=_sizes, default=[0, 1_000_000, 3_000_000], help="finished payouts, 0 first")
    parser.add_argument("--warm", type=int, default=growth.WARM, help="how many go before the first round, in growth")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    result = MEASURE[options.name](options)
    print(json.dumps(result) if options.json else TABLE[options.name](result))
    return 1 if result.get("broken_rules") else 0


if __name__ == "__main__":
    sys.exit(main())
