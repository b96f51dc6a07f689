"""The start refuses to run on somebody else's `adapters` or `routing`."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from gateway.config.packages import PACKAGES, ForeignPackage, check_packages


def test_our_own_packages_pass() -> None:
    """In this checkout both lie beside `gateway`."""
    check_packages()


@pytest.mark.parametrize("foreign", PACKAGES)
def test_a_package_from_elsewhere_is_refused(tmp_path: Path, foreign: str) -> None:
    """The text says which one, where it is and where ours should be."""
    elsewhere = tmp_path / foreign / "__init__.py"

    def find(name: str) -> ModuleSpec | None:
        own = importlib.util.find_spec(name)
        return ModuleSpec(name, None, origin=str(elsewhere)) if name == foreign else own

    with pytest.raises(ForeignPackage, match=f"'{foreign}' is {elsewhere.parent}, not paymux's own"):
        check_packages(find)


@pytest.mark.parametrize("found", [None, ModuleSpec("adapters", None)])
def test_a_package_that_is_not_there_is_refused(found: ModuleSpec | None) -> None:
    """Missing, or a bare folder of that name."""
    with pytest.raises(ForeignPackage, match="'adapters' of paymux is not installed"):
        check_packages(lambda _: found)
