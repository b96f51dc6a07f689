"""The matrix as data: which cells there are, how each may end, what came of them. Nothing here runs anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.failpoints import FAILPOINTS
from tests.chaos.scenes import ON_THE_WIRE, Deed
from tests.chaos.ways import PUT_ON_HOLD, RELEASED, UNWANTED, Row


@dataclass(frozen=True, slots=True)
class Cell:
    """One death to try."""

    row: Row
    channel: str
    deed: Deed

    def __str__(self) -> str:
        return f"{self.row} | {self.channel} | {self.deed}"


@dataclass(slots=True)
class Result:
    """What became of it."""

    cell: Cell
    reached: bool = False
    deaths: int = 0
    end: str = ""
    """The payout's status in the end."""
    faults: list[str] = field(default_factory=list)


def cells(rows: Iterable[Row], channels: Sequence[str]) -> list[Cell]:
    """Every cell that can be: a mock cannot be stopped, a payout that is paid is never closed as failed."""
    return [
        Cell(row, channel, deed)
        for row in rows
        for channel in channels
        if channel in row.way.channels
        for deed in Deed
        if deed in row.way.deeds and (deed is not Deed.STOPPED or channel in ON_THE_WIRE)
    ]


def grouped(wanted: Sequence[Cell], size: int) -> list[list[Cell]]:
    """Cells that are settled together. Where payouts are put on hold the others' would be too: such a cell is alone."""
    groups: list[list[Cell]] = [[]]
    for cell in wanted:
        alone = any(each.row.way in (PUT_ON_HOLD, RELEASED) for each in (cell, *groups[-1]))
        if groups[-1] and (alone or len(groups[-1]) == size):
            groups.append([])
        groups[-1].append(cell)
    return groups


def may_stay_unknown(cell: Cell) -> bool:
    """The bank never got it, and it is not sent again: because the app does not want it any more, or people are
    asked first. Nobody can prove that it will not be paid, so it stays unknown, and that is known."""
    return cell.deed is Deed.NEVER_GOT_IT and cell.row.way in (UNWANTED, PUT_ON_HOLD)


def expected(cell: Cell) -> frozenset[str]:
    """How it may end. A cancel wish may come in time or not; where the bank never heard of the order it stays open."""
    also = frozenset({"unknown"} if may_stay_unknown(cell) else ())
    usual = "failed" if cell.deed is Deed.FAILED else "paid"
    if cell.row.way is UNWANTED:
        return frozenset({"paid", "canceled"} if usual == "paid" else {"canceled", "failed"}) | also
    return frozenset({usual}) | also


@dataclass(slots=True)
class Report:
    """The run, in numbers."""

    cells: int
    failpoints: int
    reached: int
    not_reached: list[str]
    failpoints_reached: int
    deaths: int
    ends: dict[str, int]
    faults: list[str]
    seconds: float

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


def report(results: Sequence[Result], seconds: float) -> Report:
    reached = [result for result in results if result.reached]
    return Report(
        cells=len(results),
        failpoints=len(FAILPOINTS),
        reached=len(reached),
        not_reached=[str(result.cell) for result in results if not result.reached],
        failpoints_reached=len({result.cell.row.failpoint for result in reached}),
        deaths=sum(result.deaths for result in results),
        ends=dict(Counter(result.end for result in results)),
        faults=[f"{result.cell}: {fault}" for result in results for fault in result.faults],
        seconds=round(seconds, 1),
    )
