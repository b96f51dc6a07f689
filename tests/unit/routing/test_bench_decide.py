"""The measurement of decisions keeps working. What it measures is no matter of a test."""

from __future__ import annotations

import json

import pytest

from bench.__main__ import main


def test_it_prints_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A ratio for 3, 10 and 100 channels, and one for the past."""
    assert main(["decide", "--rounds", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["decide"]) == {"3", "10", "100"}
    assert all(row["ratio"] > 0 and row["limit"] in (3.0, 5.0) for row in result["decide"].values())
    assert result["past"]["ratio"] > 0


def test_it_prints_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The same in words."""
    assert main(["decide", "--rounds", "1"]) == 0
    assert "100000 outcomes" in capsys.readouterr().out
