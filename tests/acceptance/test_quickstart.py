"""docs/quickstart.md, run to the letter: from the README's commands to the verified callback, a kill in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "run_quickstart.py"


@pytest.mark.timeout(400)
def test_the_quickstart_does_what_it_says() -> None:
    """Three orders, a kill -9, a restart, the same orders again: each is paid once, says the bank, and told once."""
    ran = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("blocks ran and printed what the page says\n")


def test_it_installs_what_the_readme_installs() -> None:
    """The page's first command is the README's, so that what is run there is run here."""
    page, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/quickstart.md", "README.md"))
    install = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements/run.lock"
    assert page.count(f"\n{install}\n") == 1
    assert f"    {install} && .venv/bin/python -m gateway demo" in readme
    assert page.count("```text") == 5
