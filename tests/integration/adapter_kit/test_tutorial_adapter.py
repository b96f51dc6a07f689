"""The tutorial, followed to the letter: a skeleton, three functions, a wheel, an installation, a check that is green.

And the same wheel with careless channels in it: the report names each fault by the promise that it breaks.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.conformance.catalogue import promises_of
from adapters.conformance.find import subject
from adapters.registry import adapters
from adapters.skeleton import BadSkeleton, write
from tests.acceptance.document_blocks import blocks
from tests.support.config_files import write as write_config
from tests.support.live_gateway import FILE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "tutorial-adapter.md").read_text(encoding="utf-8")

FAULTS = {
    "silence": {"the answer lost after it accepted", "a 5xx after it accepted", "garbage is not believed"},
    "absent": {"not found for 30 s and then found", "an order it never got is absent"},
    "repeats": {"a submit is one call"},
    "any_amount": {"another amount in the answer"},
    "any_order": {"the answer to another order"},
    "trusting": {"a flipped byte anywhere in the body is refused", "a missing part of the signature is refused"},
    "fresh_ids": {"prepare always names the same order"},
    "cancels": {"the answer to a cancel is never believed"},
    "new_events": {"a replayed notification is the same event", "what is told twice has one event id"},
    "no_returns": {"the fate paid then returned ends as documented"},
}
"""Careless channel -> promises that the report must call broken."""


def functions(source: str) -> dict[str, str]:
    """The text of each function by its name."""
    lines = source.splitlines()
    return {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }


def filled(skeleton: str) -> str:
    """The skeleton with the page's functions in the place of its own."""
    shown = functions("\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)))
    empty = {name: text for name, text in functions(skeleton).items() if "NotImplementedError" in text}
    assert set(shown) == set(empty)
    assert len(empty) == 3
    for name, text in empty.items():
        skeleton = skeleton.replace(text, shown[name])
    return skeleton


def run(*command: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (path, ROOT)))} if path else dict(os.environ)
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=110)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `adapter new acme` makes, filled in as the page says."""
    into = tmp_path_factory.mktemp("author")
    ran = run(sys.executable, "-m", "gateway", "adapter", "new", "acme", "--into", str(into), cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    wire = into / "paymux-acme" / "paymux_acme" / "wire.py"
    wire.write_text(filled(wire.read_text(encoding="utf-8")), encoding="utf-8")
    return into / "paymux-acme"


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its wheel, with the careless channels beside it, installed in a folder of its own."""
    shutil.copy(Path(__file__).parent / "faulty.py", made / "paymux_acme" / "faulty.py")
    project = made / "pyproject.toml"
    entry = 'acme = "paymux_acme:SPEC"\n'
    more = "".join(f'{name} = "paymux_acme.faulty:{name}"\n' for name in FAULTS)
    project.write_text(project.read_text(encoding="utf-8").replace(entry, entry + more), encoding="utf-8")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=made)
    assert built.returncode == 0, built.stderr
    (wheel,) = (made / "dist").glob("*.whl")
    target = tmp_path_factory.mktemp("installed")
    pip = ("-m", "pip", "install", "-q", "--target", str(target), "--no-deps", "--no-index", str(wheel))
    put = run(sys.executable, *pip, cwd=made)
    assert put.returncode == 0, put.stderr
    return target


def test_the_channel_has_fewer_than_a_hundred_lines(made: Path) -> None:
    """What the author reads and writes, the imports included."""
    lines = (made / "paymux_acme" / "wire.py").read_text(encoding="utf-8").splitlines()
    assert 50 < len(lines) < 100


def test_the_code_is_as_the_house_wants_its_own(made: Path) -> None:
    """Nobody begins with code that a linter or a formatter complains of."""
    files = ("paymux_acme/__init__.py", "paymux_acme/wire.py", "paymux_acme/other_side.py", "tests")
    for command in (("check",), ("format", "--check")):
        ran = run(sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", *files, cwd=made)
        assert ran.returncode == 0, ran.stdout


def test_an_installed_channel_keeps_every_promise(installed: Path) -> None:
    """Found by its entry point, run against its own sandbox and a hostile line."""
    ran = run(sys.executable, "-m", "gateway", "adapter", "check", "acme", "--json", cwd=installed, path=installed)
    found = json.loads(ran.stdout)
    assert [each for each in found["findings"] if not each["kept"]] == []
    assert (ran.returncode, found["broken"], found["adapter"], len(found["findings"]) > 45) == (0, 0, "acme", True)


REPORTS = """
import asyncio, json, sys
from adapters.conformance.find import subject
from adapters.conformance.report import report
from adapters.registry import adapters

async def broken(name, promises):
    found = await report(subject(name, adapters()), lambda promise: promise.name in promises)
    return [each.promise for each in found.broken]

async def main(faults):
    print(json.dumps({name: await broken(name, promises) for name, promises in faults.items()}))

asyncio.run(main(json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def broken(installed: Path) -> dict[str, list[str]]:
    """What the kit calls broken, by careless channel: one process for all of them. A kept promise is looked at too."""
    asked = {name: [*promises, "the ground is stable"] for name, promises in FAULTS.items()}
    ran = run(sys.executable, "-c", REPORTS, json.dumps(asked), cwd=installed, path=installed)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, list[str]] = json.loads(ran.stdout)
    return told


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(broken: dict[str, list[str]], fault: str) -> None:
    """Each promise that it breaks is called broken, and one that it keeps is not."""
    assert set(broken[fault]) == FAULTS[fault]


def test_the_command_says_so_too(installed: Path) -> None:
    """Exit code 3: there is something to do; and the line that does not hold."""
    ran = run(
        sys.executable,
        "-m",
        "gateway",
        "adapter",
        "check",
        "repeats",
        "--only",
        "one call",
        cwd=installed,
        path=installed,
    )
    assert ran.returncode == 3
    assert ran.stdout.startswith("BROKEN  a submit is one call\n")
    assert "does not hold: meddler.bodies[before:] ==" in ran.stdout
    assert ran.stdout.endswith("repeats: 0 promises kept, 1 broken\n")


def test_the_page_shows_the_commands_own_words(installed: Path) -> None:
    """The report that the tutorial shows is what the command prints of a channel that takes "not found" for a no."""
    (shown,) = (block.text for block in blocks("docs/tutorial-adapter.md") if not block.place.language)
    kept, _, broken = shown.partition("BROKEN  ")
    (name, *_) = broken.splitlines()
    command = (sys.executable, "-m", "gateway", "adapter", "check", "absent", "--only", name)
    told = run(*command, cwd=installed, path=installed).stdout
    assert told == f"BROKEN  {broken}absent: 0 promises kept, 1 broken\n"
    promises = {f"kept    {promise.name}" for promise in promises_of(subject("bank", adapters()))}
    assert promises.issuperset(kept.splitlines())


def test_the_gateway_takes_its_configuration(installed: Path, made: Path, tmp_path: Path) -> None:
    """The section that comes with the skeleton is one that a start accepts; without the adapter it is refused."""
    section = (made / "config-section.toml").read_text(encoding="utf-8")
    file = write_config(tmp_path, FILE + section)
    command = (sys.executable, "-m", "gateway", "check", str(file))
    assert run(*command, cwd=ROOT).returncode == 3
    ran = run(*command, cwd=tmp_path, path=installed)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["", "Acme", "1st", "a-b", "a/../b", "x" * 33])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    """It becomes a package, an entry point and a word of config.toml. Nothing is written."""
    with pytest.raises(BadSkeleton):
        write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Who asks twice keeps what he has."""
    first = {path: path.read_text(encoding="utf-8") for path in write("acme", tmp_path)}
    with pytest.raises(BadSkeleton, match="there already"):
        write("acme", tmp_path)
    assert {path: path.read_text(encoding="utf-8") for path in first} == first
