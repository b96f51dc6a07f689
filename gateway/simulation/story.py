"""One payout's story, as a person would tell it: a line for each thing that happened, with the time since it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.simulation.run import SeedResult
from gateway.simulation.trace import Line


def tell(result: SeedResult, about: str | None) -> Iterator[str]:
    """The story of the order with reference `about`; of the one that met most, when None."""
    eventful = Counter(line.about for line in result.story if line.about is not None)
    about = about or next((name for name, _ in eventful.most_common(1)), None)
    lines = [line for line in result.story if line.about == about]
    if not lines:
        yield f"nothing is known of {about}"
        return
    began_s = lines[0].at_s
    yield f"seed {result.seed}: the story of {about}"
    yield from (_told(line, began_s) for line in _with_machines(result.story, lines))
    for violation in result.violations:
        if result.about.get(violation.payout_id or "") == about:
            yield f"{'':>12}  !! invariant {violation.invariant}: {violation.what}"


def _with_machines(story: tuple[Line, ...], lines: list[Line]) -> Iterator[Line]:
    """With what happened meanwhile to whole machines: who starts, stops and crashes."""
    first, last = lines[0].at_s, lines[-1].at_s
    for line in story:
        of_a_machine = line.about is None and first <= line.at_s <= last and _is_of_a_machine(line)
        if line.about == lines[0].about or of_a_machine:
            yield line


def _is_of_a_machine(line: Line) -> bool:
    words = (
        "starts",
        "stops",
        "fault crash",
        "fault node",
        "fault clock",
        "fault restore",
        "the faults",
        "fault config",
    )
    return line.what.startswith(words)


def _told(line: Line, began_s: float) -> str:
    return f"{_since(line.at_s - began_s):>12}  {line.who:<14}  {line.what}"


def _since(seconds: float) -> str:
    """`+0.052s`, `+3m12s`, `+2h05m`."""
    if seconds < 60:
        return f"+{seconds:.3f}s"
    minutes, rest_s = divmod(int(seconds), 60)
    if minutes < 60:
        return f"+{minutes}m{rest_s:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}h{minutes:02d}m"
