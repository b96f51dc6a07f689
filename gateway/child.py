"""How a process of our own is started: by our interpreter, from our packages, and from nothing that lies about.

`python -m` puts the working directory before everything else that can be imported. Of a gateway that is the folder of
its state, which a backup or a neighbour may write to, so `-P` leaves it out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def command(module: str) -> tuple[str, ...]:
    """What runs one of our modules."""
    return (sys.executable, "-P", "-m", module)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """`given`, and where our packages are."""
    before = given.get("PYTHONPATH")
    return {**given, "PYTHONPATH": str(_ROOT) if not before else f"{_ROOT}{os.pathsep}{before}"}
