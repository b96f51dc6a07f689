"""Which documents there are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

_ELSEWHERE = {"node_modules", "state", "build", "dist"}


def documents() -> list[Path]:
    """Every Markdown file of the repository, but nothing that was installed or made by running it."""
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return sorted(path for path in found if not any(part in _ELSEWHERE or part.startswith(".") for part in path.parts))
