"""The documentation's site shows every page there is, and fetches nothing from elsewhere."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SITE: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
UNLISTED = {"index.md"}
"""Where the site begins."""


def pages(nav: list[Any]) -> Iterator[str]:
    """The files that a menu names, at any depth."""
    for entry in nav:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else pages(target)


def test_every_page_is_in_the_menu_once() -> None:
    """A page that nobody can find is not there; a page that is gone is not in the menu."""
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - UNLISTED
    named = list(pages(SITE["nav"]))
    assert sorted(named) == sorted(there)


def test_no_web_fonts() -> None:
    """Readers are not told on to a font's host."""
    assert SITE["theme"]["font"] is False
