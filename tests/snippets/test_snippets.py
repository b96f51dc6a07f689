"""The snippets of five languages do what they are shown for: each is asked every known answer by a small harness.

Where a language's tools are not installed the snippet cannot be run; the end of the test run says so by name.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.paymux_vectors import CALLBACKS, NOW_S, REQUESTS

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
HARNESS = Path(__file__).parent / "harness"
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True)
class Language:
    """How a language's snippets are run, together with its harness, from one folder."""

    name: str
    fence: str
    """The word after the fence on a page."""
    verify: str
    sign: str
    harness: str
    tool: str
    run: tuple[str, ...]
    build: tuple[str, ...] = ()


LANGUAGES = {
    language.name: language
    for language in (
        Language(
            "python", "python", "verify_callback.py", "sign_request.py", "harness.py", sys.executable,
            (sys.executable, "harness.py"),
        ),
        Language(
            "node", "js", "verify_callback.mjs", "sign_request.mjs", "harness.mjs", "node",
            ("node", "harness.mjs"),
        ),
        Language(
            "go", "go", "verify_callback.go", "sign_request.go", "harness.go", "go",
            ("./harness",), ("go", "build", "-o", "harness", "harness.go", "verify_callback.go", "sign_request.go"),
        ),
        Language(
            "java", "java", "VerifyCallback.java", "SignRequest.java", "Harness.java", "javac",
            ("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "Harness"),
            ("javac", "-Xlint:all", "-Werror", "Harness.java", "VerifyCallback.java", "SignRequest.java"),
        ),
        Language("php", "php", "verify_callback.php", "sign_request.php", "harness.php", "php", ("php", "harness.php")),
    )
}  # fmt: skip


def question(kind: str, *parts: str | bytes) -> str:
    encoded = (base64.b64encode(part.encode() if isinstance(part, str) else part).decode() for part in parts)
    return "\t".join((kind, *encoded))


def questions() -> tuple[list[str], list[str]]:
    """Every known question, and what must be answered."""
    asked, expected = [], []
    for case in CALLBACKS["cases"]:
        told = [case["headers"].get(name, "") for name in HEADERS]
        secrets = " ".join(CALLBACKS["secrets"][name] for name in case["secrets"])
        asked.append(question("verify", *told, secrets, case["body"], str(NOW_S)))
        expected.append("accept" if case["expect"] == "accept" else "reject")
    keys = REQUESTS["keys"]
    material = {
        "hmac-sha256": keys["hmac_secret"].encode(),
        "ed25519": base64.b64decode(keys["ed25519_private_key_pkcs8_der_base64"]),
    }
    for case in REQUESTS["cases"]:
        key = material[case["algorithm"]]
        sent = (case["method"], case["target"], str(case["timestamp"]), case["nonce"], case["body"])
        asked.append(question("sign", case["key_id"], case["algorithm"], key, *sent))
        expected.append(case["authorization"])
    return asked, expected


def run(command: Sequence[str], folder: Path, given: str = "") -> str:
    ran = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran.stdout


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_a_snippet_gives_every_known_answer(language: Language, tmp_path: Path, report: list[str]) -> None:
    """It takes every good callback, refuses every bad one, and signs to the byte; where its tools are installed."""
    for file in (SNIPPETS / language.name / language.verify, SNIPPETS / language.name / language.sign):
        shutil.copy(file, tmp_path)
    shutil.copy(HARNESS / language.harness, tmp_path)
    if shutil.which(language.tool) is None:
        report.append(f"{language.name}: not executed: no toolchain {language.tool}")
        return
    if language.build:
        run(language.build, tmp_path)
    asked, expected = questions()
    told = run(language.run, tmp_path, "".join(f"{line}\n" for line in asked)).splitlines()
    assert told == expected
    report.append(f"{language.name}: {len(told)} answers as known")


def test_there_is_something_to_answer() -> None:
    """Both kinds of questions, both kinds of answers; and at least one language is always run: this one."""
    asked, expected = questions()
    assert len(asked) == len(expected) > 30
    assert {"accept", "reject"} < set(expected)
    assert shutil.which(LANGUAGES["python"].tool)


@pytest.mark.parametrize(("page", "kind"), [("callbacks.md", "verify"), ("signing.md", "sign")])
def test_the_pages_show_the_files(page: str, kind: str) -> None:
    """What is copied from a page is what was run: page and file are equal, in the order of the table."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    shown = {
        match[1]: match[2]
        for match in re.finditer(r"^<!-- (snippets/\S+) -->\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    }
    expected = {
        f"snippets/{each.name}/{getattr(each, kind)}": (SNIPPETS / each.name / getattr(each, kind)).read_text("utf-8")
        for each in LANGUAGES.values()
    }
    assert shown == expected
    fences = re.findall(r"^<!-- snippets/\S+ -->\n\n```(\w+)$", text, re.MULTILINE)
    assert fences == [language.fence for language in LANGUAGES.values()]
