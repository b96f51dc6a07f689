"""What the drawing scripts share: pages are made from tables in the code, written here, and checked in CI.

Importing it makes the checkout importable, wherever the script is run from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
if str(DOCS.parent) not in sys.path:
    sys.path.insert(0, str(DOCS.parent))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(word: object) -> str:
    return f"`{word}`"


def write_or_check(name: str, text: str, arguments: Sequence[str]) -> int:
    """Write `docs/NAME`; with `--check` only say whether it is what it would be. The exit code: 0, 1, or 2 (usage)."""
    page = DOCS / name
    if list(arguments) == ["--check"]:
        same = page.is_file() and page.read_text(encoding="utf-8") == text
        print(f"{name} is up to date" if same else f"{name} is not what the code says: run the script without --check")
        return 0 if same else 1
    if arguments:
        print("usage: [--check]", file=sys.stderr)
        return 2
    page.write_text(text, encoding="utf-8")
    print(f"wrote docs/{name}")
    return 0
