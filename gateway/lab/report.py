"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from gateway.lab.measure import Summary
from gateway.lab.plot import colour, lines, table
from gateway.lab.run import Results
from gateway.lab.told import HEAD, money, parameters, row
from gateway.lab.truth import Truth
from gateway.lab.turns import turns
from gateway.lab.world import Board, World

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;font-size:13px;margin:1em 0;display:block;overflow-x:auto}
td{font-variant-numeric:tabular-nums}
td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}
tr.ours{background:#fdecea;font-weight:600}tr.told{color:#777}
svg{width:100%;max-width:820px}svg text{font-size:11px}polyline{fill:none;stroke-width:1.6}
.axis{fill:none;stroke:#888}.mark{stroke:#bbb;stroke-dasharray:2 3}
.tick{text-anchor:end;fill:#777}.foot{text-anchor:middle;fill:#777}code{background:#f4f4f4;padding:0 3px}
@media (prefers-color-scheme:dark){body{background:#181818;color:#ddd}tr.ours{background:#4a2320}
td,th{border-color:#444}code{background:#2a2a2a}.tick,.foot{fill:#aaa}}
"""
_PRIVILEGED = frozenset({"oracle", "fixed_best"})


def report(worlds: Mapping[str, World], results: Results, seeds: str) -> str:
    """All of it."""
    arms = list(dict.fromkeys(arm for boards in results.values() for summary in boards.values() for arm in summary))
    colours = {arm: colour(number) for number, arm in enumerate(arms)}
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Routing lab</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{_STYLE}</style><h1>Routing lab</h1>",
        f"<p>Seeds {escape(seeds)}; every arm has the same luck in a seed. Regret and money are those expected of the",
        " choices made. Money is fees, waiting and failures in minor units; <em>above</em> is over the cheapest arm.",
        " <em>return</em>: orders until traffic is back on a channel that recovered; <em>hit</em>: orders lost to a",
        " fallen one before traffic left it (medians; - for never, or nothing of the kind happens).</p>",
        "<h2>Money above the oracle</h2>",
        _overview(results, arms),
    ]
    parts += [_world(name, worlds[name], boards, colours) for name, boards in results.items()]
    parts += [
        "<h2>Parameters</h2><ul>",
        *(f"<li><code>{escape(line)}</code></li>" for line in parameters(arms)),
        "</ul>",
    ]
    return "".join(parts) + "</html>\n"


def _overview(results: Results, arms: list[str]) -> str:
    rows = []
    for name, boards in results.items():
        for board, summaries in boards.items():
            base = summaries["oracle" if "oracle" in summaries else next(iter(summaries))].mean(money)
            above = [f"{100.0 * (summaries[arm].mean(money) / base - 1.0):.1f} %" for arm in arms]
            rows.append((f"{name} ({board})", *above))
    return table(("world (board)", *arms), rows)


def _world(name: str, world: World, boards: Mapping[Board, Mapping[str, Summary]], colours: Mapping[str, str]) -> str:
    parts = [f"<h2>{escape(name)}</h2><p>{escape(world.about)}</p>"]
    marks = [turn.at for turn in turns(Truth(world))]
    for board, arms in boards.items():
        least = min(summary.mean(money) for summary in arms.values())
        ranking = sorted(arms.items(), key=lambda item: item[1].mean(money))
        kinds = ["ours" if arm == "paymux" else "told" if arm in _PRIVILEGED else "" for arm, _ in ranking]
        curves = {arm: summary.curve for arm, summary in ranking}
        parts += [
            f"<h3>Board: {board}</h3>",
            lines(curves, colours, world.orders.count, marks),
            "<p>Cost above the best choice, cumulated over the orders.</p>",
            table(HEAD, [row(arm, summary, least) for arm, summary in ranking], kinds),
        ]
    return "".join(parts)
