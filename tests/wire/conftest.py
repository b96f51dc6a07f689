"""What is promised in this folder is promised whatever stands under the port: `usefixtures("under")`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.http import FACTORIES
from tests.support import wire


@pytest.fixture(params=sorted(FACTORIES))
def under(request: pytest.FixtureRequest) -> Iterator[str]:
    """Clients are made of each kind in turn."""
    with wire.over(request.param):
        yield request.param
