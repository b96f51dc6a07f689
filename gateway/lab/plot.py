"""Line plots and tables as plain SVG and HTML: nothing is fetched, nothing runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 240
LEFT, BOTTOM = 56, 24
COLOURS = (
    "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#e377c2", "#7f7f7f", "#bcbd22",
    "#393b79", "#637939", "#8c6d31", "#843c39", "#7b4173",
)  # fmt: skip


def colour(number: int) -> str:
    """A colour of its own for each of the first fifteen."""
    return COLOURS[number % len(COLOURS)]


def lines(curves: Mapping[str, Sequence[float]], colours: Mapping[str, str], last: int, marks: Sequence[int]) -> str:
    """Curves over 0 to `last` orders, with a dotted line at each mark. The last point of each carries its name."""
    top = max((max(curve) for curve in curves.values()), default=0.0) or 1.0
    parts = [f'<svg viewBox="0 0 {WIDTH + 130} {HEIGHT}" role="img">', _axes(top, last)]
    parts += [f'<path class="mark" d="M{_x(mark / last):.1f} 4V{HEIGHT - BOTTOM}"/>' for mark in marks]
    labels = _spread({name: _y(curve[-1] / top) for name, curve in curves.items()})
    for name, curve in curves.items():
        points = " ".join(f"{_x((i + 1) / len(curve)):.1f},{_y(v / top):.1f}" for i, v in enumerate(curve))
        parts.append(f'<polyline points="{points}" stroke="{colours[name]}"><title>{escape(name)}</title></polyline>')
        parts.append(f'<text x="{WIDTH + 6}" y="{labels[name]:.1f}" fill="{colours[name]}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _axes(top: float, last: int) -> str:
    ticks = []
    for part in (0.0, 0.5, 1.0):
        ticks.append(f'<text class="tick" x="{LEFT - 6}" y="{_y(part) + 4:.1f}">{top * part:,.0f}</text>')
        ticks.append(f'<text class="foot" x="{_x(part):.1f}" y="{HEIGHT - 8}">{last * part:,.0f}</text>')
    return f'<path class="axis" d="M{LEFT} 4V{HEIGHT - BOTTOM}H{WIDTH}"/>' + "".join(ticks)


def _x(part: float) -> float:
    return LEFT + part * (WIDTH - LEFT)


def _y(part: float) -> float:
    return 4 + (1.0 - part) * (HEIGHT - BOTTOM - 4)


def _spread(places: Mapping[str, float]) -> dict[str, float]:
    """Labels moved apart where they would lie on each other."""
    found: dict[str, float] = {}
    lowest = -1e9
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        lowest = max(place + 4, lowest + 13)
        found[name] = lowest
    excess = max(0.0, lowest - HEIGHT + 4)
    return {name: place - excess for name, place in found.items()}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """A table; `classes` mark rows."""
    marked = [*classes, *("" for _ in rows)]
    told = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f'<tr class="{kind}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row, kind in zip(rows, marked, strict=False)
    )
    return f"<table><thead><tr>{told}</tr></thead><tbody>{body}</tbody></table>"
