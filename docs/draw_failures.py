"""Draw docs/failures.md from the rows of tests/taxonomy.

python docs/draw_failures.py            writes it
python docs/draw_failures.py --check    exit code 1 when it is not what the rows say
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from drawing import code, table, write_or_check

from tests.taxonomy import (
    rows_accepting,
    rows_answers,
    rows_notices,
    rows_operating,
    rows_sending,
)
from tests.taxonomy.register import ROWS, Row

PARTS = {
    "From the request to the first intent": rows_accepting,
    "Between intent and answer": rows_sending,
    "What a channel answers": rows_answers,
    "What a channel tells us unasked, and our disk": rows_notices,
    "Breakers, configuration, leases, clocks, restores, callbacks, people": rows_operating,
}

OPENING = """\
# Where it breaks

One row for each place where a payout can go wrong, what is done there, and the test that holds it. The numbers are
those that comments in the code cite. Drawn from `tests/taxonomy/` by `docs/draw_failures.py`.

Each row's test is run twice: as it is, and with the row's action replaced by failing over, or, where there is nothing
to fail over to, by what comes nearest (last column; `tests/taxonomy/instead.py`). Then it has to fail. Run them with
`python -m pytest tests/taxonomy`.
"""


def cells(row: Row) -> list[str]:
    words = (row.instead.__doc__ or "").strip().rstrip(".")
    return [str(row.number), row.breaks, row.action, code(row.name), words[:1].lower() + words[1:]]


def page() -> str:
    parts = [OPENING]
    for title, module in PARTS.items():
        rows = (cells(row) for _, row in sorted(ROWS.items()) if row.test.__module__ == module.__name__)
        parts += [f"## {title}\n", table(["row", "what breaks", "what is done", "test", "fails when"], rows) + "\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check("failures.md", page(), sys.argv[1:]))
