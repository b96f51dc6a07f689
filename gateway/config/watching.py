"""Notice that a file may have changed: by watching its *folder*.

An editor writes in place, a careful one renames a new file over the old, Kubernetes swaps a symbolic link beside it
and never names the file: each is seen in the folder, and none reliably at the file. So any event means: look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from watchfiles import awatch

DEBOUNCE_MS = 400
"""The longest that events are gathered before they are told as one."""
QUIET_MS = 50
"""Events that come closer together than this are one."""


ANYWAY_MS = 10_000
"""Without any event it is told so often that there might have been one: before the watch stood, or on a file system
that tells of none."""


async def events(folders: Iterable[Path], stop: asyncio.Event | None = None) -> AsyncGenerator[None, None]:
    """Once for each burst of changes in the folders, and now and then without; until `stop`. Folders inside them are
    left out.

    Raises:
        OSError: one of them is not there.
    """
    watching = awatch(
        *folders, watch_filter=None, debounce=DEBOUNCE_MS, step=QUIET_MS, stop_event=stop, recursive=False,
        ignore_permission_denied=True, rust_timeout=ANYWAY_MS, yield_on_timeout=True,
    )  # fmt: skip
    async for _ in watching:
        yield
