"""Which snippets were run is said at the end of every run, and so is which were not, and why."""

from __future__ import annotations

import pytest
from _pytest.terminal import TerminalReporter

LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash.setdefault(LINES, [])


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(LINES, [])
    if lines:
        terminalreporter.section("snippets in five languages")
        terminalreporter.write("".join(f"{line}\n" for line in sorted(lines)))
