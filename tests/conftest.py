"""What must be said before any test module is imported."""

from __future__ import annotations

import pytest
from hypothesis import settings

# The kit's promises are asserts in a package of ours: rewritten, they tell what they compared.
pytest.register_assert_rewrite(
    *(f"adapters.conformance.{name}" for name in ("answers", "drive", "fates", "hostile", "notifications", "orders"))
)

# How long an example takes is the machine's affair: no test asserts a time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
