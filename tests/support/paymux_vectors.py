"""Our own two signatures as known answers: those of requests, and those of callbacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "vectors"
REQUESTS_FILE = _FOLDER / "paymux_request_signature.json"
CALLBACKS_FILE = _FOLDER / "paymux_callback_signature.json"
REQUESTS: dict[str, Any] = json.loads(REQUESTS_FILE.read_text(encoding="utf-8"))
CALLBACKS: dict[str, Any] = json.loads(CALLBACKS_FILE.read_text(encoding="utf-8"))
NOW_S: int = CALLBACKS["now"]


def name(case: dict[str, Any]) -> str:
    """A case's name, for the ids of tests."""
    return str(case["name"])
