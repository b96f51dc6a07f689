"""The Chinese README says what the English one says: the same parts, the same commands, the same ways to go on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
EACH_OTHER = {"README.md", "README.zh-CN.md"}

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[int]:
    """Their levels, in order."""
    return [len(found) for found in re.findall(r"^(#+) ", FENCED.sub("", text), re.MULTILINE)]


def code(text: str) -> list[str]:
    """Every block, fenced or indented, in order."""
    return re.findall(r"^```.*?^```|^    \S[^\n]*$", text, re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    found = re.findall(r"\]\(([^)]+)\)", FENCED.sub("", text))
    return [link for link in found if link not in EACH_OTHER]


def words_of_code(text: str) -> Counter[str]:
    return Counter(re.findall(r"`([^`\n]+)`", FENCED.sub("", text)))


def rows(text: str) -> int:
    return len(re.findall(r"^\|", text, re.MULTILINE))


def numbers(text: str) -> Counter[str]:
    """Every number in the prose: seconds, cores, counts, versions."""
    prose = re.sub(r"`[^`\n]+`|\]\([^)]+\)|^    .*$", "", FENCED.sub("", text), flags=re.MULTILINE)
    return Counter(re.findall(r"\d[\d.,]*\d|\d", prose))


@pytest.mark.parametrize("part", [headings, code, links, words_of_code, rows, numbers])
def test_both_say_the_same(part: object) -> None:
    """Headings by level, code to the letter, links, words of code, rows of the table, numbers."""
    assert callable(part)
    english, chinese = part(ENGLISH), part(CHINESE)
    assert english, "there is something to compare"
    assert chinese == english


def test_they_lead_to_each_other() -> None:
    """Who lands on the wrong one is one step from the right one."""
    assert "[中文](README.zh-CN.md)" in ENGLISH
    assert "[English](README.md)" in CHINESE


def test_it_is_chinese() -> None:
    """Each part of it, but code and names."""
    for part in re.split(r"^## ", CHINESE, flags=re.MULTILINE):
        assert len(re.findall(r"[\u4e00-\u9fff]", part)) > 50
