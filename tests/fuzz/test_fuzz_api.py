"""The published document against the real server, with the small budget; the large one is
`python -m tests.fuzz.api --examples 100`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.api import SEED, fuzz


@pytest.mark.timeout(300)
async def test_the_api_keeps_to_its_document(tmp_path: Path) -> None:
    """Every check of schemathesis, over every call, from a fixed seed: no failure, and no 5xx in the gateway's log."""
    found = await fuzz(tmp_path, examples=8, seed=SEED)
    assert found.server_errors == (), found.server_errors[:5]
    assert found.code == 0, found.report
    assert found.requests > 300
    assert found.statuses[200] > 50  # signed, and let in
