"""Which adapters there are, and which are refused."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from adapters import registry
from adapters.registry import BUILT_IN, AdapterRefused, adapters
from adapters.spec import AdapterSpec
from tests.support.config_files import SPECS, fake_spec


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that another distribution could have brought."""
    module = ModuleType("others")
    monkeypatch.setitem(sys.modules, "others", module)
    return module


@pytest.fixture
def _built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built-in packages that import nothing."""
    for name in BUILT_IN:
        module = ModuleType(f"adapters.{name}")
        module.SPEC = SPECS[name]  # type: ignore[attr-defined]  # set on a module made here
        monkeypatch.setitem(sys.modules, f"adapters.{name}", module)


def entry(name: str, value: str = "others:SPEC") -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def test_the_built_in_ones_are_there() -> None:
    """From a bare checkout, by their own names, each with a model of its settings."""
    found = adapters(list)
    assert set(found) == {"mock", "wechat", "bank"}
    assert all(isinstance(spec, AdapterSpec) and spec.name == name for name, spec in found.items())


@pytest.mark.usefixtures("_built_in")
def test_an_installed_one_is_found(others: ModuleType) -> None:
    """By its entry point in the group `paymux.channels`."""
    others.SPEC = fake_spec("sepa")  # type: ignore[attr-defined]  # set on a module made here
    found = adapters(lambda: [entry("sepa")])
    assert set(found) == {*BUILT_IN, "sepa"}
    assert found["sepa"] is others.SPEC


@pytest.mark.usefixtures("_built_in")
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_name_cannot_be_taken(others: ModuleType, name: str) -> None:
    """Or an installed package would quietly send our money its own way."""
    others.SPEC = fake_spec(name)  # type: ignore[attr-defined]  # set on a module made here
    with pytest.raises(AdapterRefused, match=f"there already is an adapter '{name}'"):
        adapters(lambda: [entry(name)])


@pytest.mark.usefixtures("_built_in")
def test_one_name_cannot_be_installed_twice(others: ModuleType) -> None:
    """Which of the two was meant cannot be known."""
    others.SPEC = fake_spec("sepa")  # type: ignore[attr-defined]  # set on a module made here
    with pytest.raises(AdapterRefused, match="there already is an adapter 'sepa'"):
        adapters(lambda: [entry("sepa"), entry("sepa")])


@pytest.mark.usefixtures("_built_in")
@pytest.mark.parametrize("value", ["nowhere_at_all:SPEC", "others:ABSENT"])
def test_one_that_does_not_import_stops_the_start(others: ModuleType, value: str) -> None:
    """Loudly: it would be missed only when its payouts are due."""
    del others
    with pytest.raises(AdapterRefused, match=f"entry point sepa = {value}: does not import"):
        adapters(lambda: [entry("sepa", value)])


@pytest.mark.usefixtures("_built_in")
def test_one_that_is_something_else_is_refused(others: ModuleType) -> None:
    """Not an AdapterSpec, or one that calls itself by another name."""
    others.SPEC = object()  # type: ignore[attr-defined]  # set on a module made here
    with pytest.raises(AdapterRefused, match="is a object, not an AdapterSpec"):
        adapters(lambda: [entry("sepa")])
    others.SPEC = fake_spec("other")  # type: ignore[attr-defined]  # set on a module made here
    with pytest.raises(AdapterRefused, match="calls itself 'other', but is installed as 'sepa'"):
        adapters(lambda: [entry("sepa")])


@pytest.mark.usefixtures("_built_in")
def test_the_mapping_cannot_be_changed() -> None:
    """What was found at start is what there is."""
    with pytest.raises(TypeError):
        adapters(list)["x"] = SPECS["mock"]  # type: ignore[index]  # that is the point
