"""`adapters` and `routing` are also names of packages on PyPI: at start, make sure that ours are the ones found.

Imports neither of them, so it can be called before anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import gateway

PACKAGES = ("adapters", "routing")


class ForeignPackage(Exception):
    """Another distribution's package stands where ours should be."""


def check_packages(find: Callable[[str], ModuleSpec | None] = find_spec) -> None:
    """Raises `ForeignPackage` unless every package of ours lies beside `gateway`."""
    home = Path(gateway.__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find(name)
        if spec is None or spec.origin is None:
            raise ForeignPackage(f"the package '{name}' of paymux is not installed; expected in {home}")
        found = Path(spec.origin).resolve().parent
        if found != home / name:
            raise ForeignPackage(
                f"'{name}' is {found}, not paymux's own {home / name}: another distribution has a package of that"
                f" name. Install paymux into an environment of its own."
            )
