"""What apps were promised by the last release holds, and the published document is the served one."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.compatible import breaches

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs/openapi.json"
RELEASED = sorted((ROOT / "docs/releases").glob("openapi-*.json"))


def read(path: Path) -> dict[str, Any]:
    """A document in a file."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_the_published_document_is_the_served_one() -> None:
    """docs/openapi.json is what the code says."""
    script = ROOT / "docs/draw_openapi.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


DELIBERATE = {
    "openapi-0.1.0": {
        "GET /v1/payouts status: maxItems is 20 now": "there are eight to name",
        "GET /v1/payouts currency: anything is refused now": "what is no currency found nothing before",
        **{
            f"POST /v1/payouts body.{field}: has another pattern": "no text in UTF-8 has a surrogate"
            for field in ("description", "purpose", "beneficiary.name")
        },
    }
}
"""Breaches that we stand by, by the release whose promise it was, each with its reason."""


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_apps_of_a_release_get_on_with_this_version(release: Path) -> None:
    """Nothing that could be asked is refused, nothing that was told is missing."""
    assert set(breaches(read(release), read(PUBLISHED))) == DELIBERATE.get(release.stem, {}).keys()


PAYOUT = "#/components/schemas/"
ORDER = ["paths", "/v1/payouts", "post"]


def dig(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document[key]
    return document


def schema_of_order(document: dict[str, Any]) -> Any:
    """The schema that an order has to keep to."""
    ref = dig(document, *ORDER, "requestBody", "content", "application/json", "schema", "$ref")
    return dig(document, "components", "schemas", ref.removeprefix(PAYOUT))


def gone(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/payouts/{payout_id}/cancel"]


def required(document: dict[str, Any]) -> None:
    schema_of_order(document)["required"].append("purpose")


def refused(document: dict[str, Any]) -> None:
    del schema_of_order(document)["properties"]["metadata"]


def shorter(document: dict[str, Any]) -> None:
    schema_of_order(document)["properties"]["reference"]["maxLength"] = 3


def silent(document: dict[str, Any]) -> None:
    ref = dig(document, *ORDER, "responses", "201", "content", "application/json", "schema", "$ref")
    del dig(document, "components", "schemas", ref.removeprefix(PAYOUT))["properties"]["status"]


def unanswered(document: dict[str, Any]) -> None:
    del dig(document, *ORDER, "responses")["201"]


def demanded(document: dict[str, Any]) -> None:
    dig(document, *ORDER).setdefault("parameters", []).append(
        {"in": "header", "name": "X-New", "required": True, "schema": {"type": "string"}}
    )


@pytest.mark.parametrize("breach", [gone, required, refused, shorter, silent, unanswered, demanded])
def test_a_breach_is_seen(breach: Any) -> None:
    """Each kind of breach, planted in the present document, is found, and nothing else is."""
    present = read(PUBLISHED)
    broken = copy.deepcopy(present)
    breach(broken)
    assert breaches(present, present) == []
    assert len({line.partition(": ")[2] for line in breaches(present, broken)}) >= 1
