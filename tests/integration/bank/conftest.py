"""One folder of throw-away keys for all tests here: minting takes longer than most of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bank_sandbox import minted


@pytest.fixture(scope="session")
def bank_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minted(tmp_path_factory.mktemp("sandbox"))
