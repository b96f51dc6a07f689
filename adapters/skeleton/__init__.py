"""A new adapter to begin with: a distribution of its own, complete but for three functions.

The files stand here as they are written, with NAME for the adapter's name and PACKAGE for its package's.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}")

_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "config-section.toml": "config-section.toml.txt",
    "PACKAGE/__init__.py": "package/init.py.txt",
    "PACKAGE/wire.py": "package/wire.py.txt",
    "PACKAGE/other_side.py": "package/other_side.py.txt",
    "tests/test_promises.py": "test_promises.py.txt",
}
"""What is made -> what it is made from."""


class BadSkeleton(Exception):
    """A name that cannot be an adapter's, or a folder that is there already."""


def write(name: str, into: Path) -> list[Path]:
    """Make the adapter `name` in the folder `paymux-NAME` of `into`; what was written.

    Raises:
        BadSkeleton: nothing was written.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise BadSkeleton("an adapter's name is a lower-case letter, then letters, digits and _, 32 at most")
    folder = into / f"paymux-{name.replace('_', '-')}"
    if folder.exists():
        raise BadSkeleton(f"{folder} is there already")
    package = f"paymux_{name}"
    written = []
    for target, source in _FILES.items():
        path = folder / target.replace("PACKAGE", package)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files(__name__).joinpath(source).read_text(encoding="utf-8")
        path.write_text(text.replace("PACKAGE", package).replace("NAME", name), encoding="utf-8")
        written.append(path)
    return written
