"""What the demo shows: live while it runs (rich), tables at its end. On stderr, so that stdout is the JSON line's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.demo.report import Report
from gateway.demo.stage import Stage

STATUSES = ("accepted", "processing", "paid", "failed", "returned")
_LINES = 14

Json = Mapping[str, Any]


class Screen:
    """A few live tables over the newest lines of the story; without `live`, plain lines."""

    def __init__(self, *, live: bool) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._animated = live and self.console.is_terminal
        self._live = Live(console=self.console, refresh_per_second=4, transient=True) if self._animated else None
        self._lines: list[Text] = []
        self._known: dict[str, tuple[str, int, bool]] = {}
        self._tables: Group | None = None

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, words: str, style: str = "") -> None:
        """One line of the story."""
        line = Text(words, style=style)
        if self._live is None:
            self.console.print(line)
            return
        self._lines = [*self._lines, line][-_LINES:]
        self._paint()

    def show(self, payouts: Sequence[Json], seen: Json, breaker_opened: int) -> None:
        """The present numbers, and a line for what is new."""
        for payout in payouts:
            self._tell_news(payout)
        self._tables = Group(_by_channel(payouts), _totals(payouts, seen, breaker_opened))
        self._paint()

    def _tell_news(self, payout: Json) -> None:
        """Failovers, resolved unknowns and ends that are not "paid" are worth a line."""
        attempts = payout["attempts"]
        unknown = any(a["was_unknown"] and a["state"] in ("succeeded", "rejected", "returned") for a in attempts)
        now = (payout["status"], len(attempts), unknown)
        before = self._known.get(payout["id"], ("", 0, False))
        self._known[payout["id"]] = now
        name = payout["reference"]
        if now[1] > 1 and before[1] < now[1]:
            came, went = attempts[-2], attempts[-1]
            why = came["reason"] or came["state"]
            self.say(f"{name}  {came['channel']} → {went['channel']}  failover after proof: {why}", style="yellow")
        if unknown and not before[2]:
            asked = [a for a in attempts if a["was_unknown"]][-1]
            sent = "asked" if asked["transmissions"] == 1 else f"asked, same id sent {asked['transmissions']} times"
            end = "not paid" if asked["state"] == "rejected" else "paid once"
            self.say(f"{name}  {asked['channel']}  unknown → {asked['state']}  {sent}, {end}", style="cyan")
        if now[0] in ("failed", "returned") and before[0] != now[0]:
            self.say(f"{name}  {now[0]}: {payout['status_reason']['code']}", style="magenta")

    def _paint(self) -> None:
        if self._live is not None:
            parts = [*self._lines] if self._tables is None else [self._tables, *self._lines]
            self._live.update(Group(*parts))

    def end(self, report: Report) -> None:
        """The closing tables, and whether it ended well."""
        self.console.print(_closing(report))
        numbers = Table(show_header=False, box=None)
        for name in ("paid", "failed", "returned", "failovers", "unknown_resolved", "breaker_opened"):
            numbers.add_row(name.replace("_", " "), str(getattr(report, name)))
        numbers.add_row("callbacks verified", str(report.callbacks_verified))
        self.console.print(numbers)
        for fault in report.faults:
            self.console.print(fault, style="red")
        if report.paid_twice == 0 and report.lost == 0 and report.books_agree:
            line = f"{report.payouts} payouts: nothing was paid twice, nothing was lost, the books agree."
            self.console.print(line, style="bold green")
        for words in report.shortfalls():
            self.console.print(words, style="bold red")

    def stay(self, stage: Stage) -> None:
        """Where everything is, for whoever wants to play on."""
        ports = stage.ports
        self.console.print(f"still running; state in {stage.folder}; Ctrl-C ends it")
        self.console.print(f"api {stage.api}  docs http://127.0.0.1:{ports.public}/docs  probes {stage.admin}/readyz")


def _by_channel(payouts: Sequence[Json]) -> Table:
    table = Table("channel", "sent", "open", "unknown", "paid", "refused")
    attempts = [attempt for payout in payouts for attempt in payout["attempts"]]
    for name in sorted({attempt["channel"] for attempt in attempts}):
        states = Counter(attempt["state"] for attempt in attempts if attempt["channel"] == name)
        waiting = states["sending"] + states["pending"] + states["planned"]
        paid = states["succeeded"] + states["returned"]
        numbers = (sum(states.values()), waiting, states["unknown"], paid, states["rejected"])
        table.add_row(name, *map(str, numbers))
    return table


def _totals(payouts: Sequence[Json], seen: Json, breaker_opened: int) -> Table:
    table = Table(*STATUSES, "failovers", "breaker opened", "callbacks verified")
    statuses = Counter(payout["status"] for payout in payouts)
    failovers = sum(max(len(payout["attempts"]) - 1, 0) for payout in payouts)
    row = [str(statuses[name]) for name in STATUSES]
    table.add_row(*row, str(failovers), str(breaker_opened), str(seen.get("verified", 0)))
    return table


def _closing(report: Report) -> Table:
    table = Table("channel")
    for heading in ("its books", "CNY", "returned", "the gateway", "CNY", "agree"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, one in report.channels.items():
        agree = (one.paid, one.paid_minor) == (one.gateway_paid, one.gateway_paid_minor)
        table.add_row(
            name,
            str(one.paid),
            _yuan(one.paid_minor),
            str(one.returned),
            str(one.gateway_paid),
            _yuan(one.gateway_paid_minor),
            "yes" if agree else "NO",
        )
    return table


def _yuan(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"
