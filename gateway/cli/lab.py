"""`paymux lab`: routers against each other in simulated worlds."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.backtest import backtest
from gateway.cli.exit import plain_words
from gateway.domain.errors import PaymuxError
from gateway.lab import told
from gateway.lab.arms.table import ARMS
from gateway.lab.load import named, shipped, worlds
from gateway.lab.report import report
from gateway.lab.run import run as run_lab
from gateway.lab.scale import scaled

REPORT_SEEDS = "0:20"
"""What is reported. Tuning uses others (1000:1010), so that nothing is fitted to these."""

lab = App(name="lab", help="Compare routing rules in simulated worlds before one is trusted with money.")
lab.command(backtest)


class BadRun(PaymuxError):
    """An arm that there is not, or a range that is none."""


@lab.command
def run(
    *,
    scenarios: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    arms: str = "all",
    seeds: str = REPORT_SEEDS,
    jobs: int = 2,
    orders_scale: float = 1.0,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Play arms against worlds with common random numbers, on two boards: choice only, and with failover.

    Example: `python -m gateway lab run --json --html lab.html`

    Parameters
    ----------
    scenarios
        World files, or bare names of shipped ones such as `trial`; by default all shipped ones but that.
    arms
        `all`, or names with commas between.
    seeds
        From the first to before the last.
    jobs
        Processes at work.
    orders_scale
        Worlds of so many times their length, for a quick look.
    html
        Write a report with plots to this file.
    json
        End with the results as one line of JSON instead of tables.
    """
    with plain_words():
        chosen = _arms(arms)
        paths = tuple(map(named, scenarios)) or shipped()
        played = {name: scaled(world, orders_scale) for name, world in worlds(paths).items()}
        _say(told.parameters(chosen))
        results = run_lab(played, chosen, _seeds(seeds), jobs, _progress)
        if html is not None:
            html.write_text(report(played, results, seeds), encoding="utf-8")
        _say([told.as_json(results)] if json else told.table(results))


def _arms(text: str) -> list[str]:
    names = list(ARMS) if text == "all" else text.split(",")
    for name in names:
        if name not in ARMS:
            raise BadRun(f"there is no arm {name}; there are {', '.join(ARMS)}")
    return names


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise BadRun(f"{text} is not a range of seeds like {REPORT_SEEDS}")
    return range(int(first), int(last))


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of} games", end="\n" if done == of else "", file=sys.stderr, flush=True)  # noqa: T201 - the command's voice


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201 - this is what was asked for
