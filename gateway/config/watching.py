"""Notice that the file may have changed: by watching its *folder*.

An editor writes in place, a careful one renames a new file over the old, Kubernetes swaps a symbolic link beside it
and never names the file: each is seen in the folder, and none reliably at the file. So any event means: look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import awatch

DEBOUNCE_MS = 400
"""The longest that events are gathered before they are told as one."""
QUIET_MS = 50
"""Events that come closer together than this are one."""


async def events(path: Path, stop: asyncio.Event | None = None) -> AsyncIterator[None]:
    """Once for each burst of changes in the folder of `path`, folders inside it left out; until `stop`."""
    watching = awatch(
        path.parent, watch_filter=None, debounce=DEBOUNCE_MS, step=QUIET_MS, stop_event=stop, recursive=False,
        ignore_permission_denied=True,
    )  # fmt: skip
    async for _ in watching:
        yield
