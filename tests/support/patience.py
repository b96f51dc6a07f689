"""How long a test waits for what must come: longer than a busy machine stands still, and less than a test may take."""

from __future__ import annotations

PATIENCE_S = 100.0
"""In real seconds. A limit is there for what never comes; it is no measure of how quickly something ought to."""
