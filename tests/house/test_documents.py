"""The documents say what the code does: drawn pages, links, paths, commands, and every closed list."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from adapters.magic import Fate
from adapters.sandbox.faults import Fault
from gateway.__main__ import build
from gateway.api.calls import calls as more_calls
from gateway.api.docs import Docs
from gateway.api.health import Probes
from gateway.api.keys import Scope
from gateway.api.notifications import Notifications
from gateway.api.payouts import Payouts
from gateway.api.problems import PROBLEMS
from gateway.api.signed_request import Algorithm, authorization
from gateway.api.state import PublicState
from gateway.api.table import admin_routes, public_routes
from gateway.callbacks.body import EVENT_TYPES
from gateway.cli.exit import Exit
from gateway.domain.event import EventType
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.status import FINAL, Status
from routing.policy import ChannelState
from tests.support.documents import ROOT, documents

RUN = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements/run.lock && .venv/bin/python -m gateway demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements/dev.lock && .venv/bin/python -m pytest -q"
NOUNS = {
    "Payout", "App", "Beneficiary", "Saved beneficiary", "Batch", "Item", "Channel", "Adapter", "Capability",
    "Decision", "Expected cost", "Health", "Experience", "Allowance", "Reservation", "Quote", "Intent", "Attempt",
    "Transmission",
    "Ground", "Answer", "Outcome", "Reject reason", "Status reason", "Incident", "Freeze", "Evidence", "Event",
    "Notification", "Callback", "Delivery", "Endpoint", "Lease", "Guard", "Permit", "Sandbox", "Fate", "Shard",
    "Fingerprint", "Closure", "Finality", "Refusal", "Hold", "Principal", "Request", "Resolution", "Quarantine",
    "Ask first", "High water", "Failpoint", "Snapshot", "Override", "Weight", "Archive", "Sealing key", "Data key",
    "Blind index", "Erasure",
}  # fmt: skip
LATER = {"Ledger entry", "Settlement", "Break"}

_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|^\[[^\]\n]+\]: (\S+)$", re.MULTILINE)
_PATH = re.compile(r"(?:gateway|adapters|routing|tests|docs|examples|requirements|\.ci)/[\w.*/-]*")
_RULE = re.compile(r"\|[-| ]+\|")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


DOCUMENTS = documents()


def text_of(document: str | Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def section(document: str, heading: str) -> str:
    """The text under a heading, with its sub-headings."""
    text = without_blocks(text_of(document))
    found = next(each for each in _HEADING.finditer(text) if each[2] == heading)
    after = text[found.end() :]
    end = next((each.start() for each in _HEADING.finditer(after) if len(each[1]) <= len(found[1])), len(after))
    return after[:end]


def cells(text: str, column: int = 0) -> Iterator[str]:
    """One column of every table in the text, without heads and rules."""
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not _RULE.fullmatch(line) and not _RULE.fullmatch(following):
            row = line.strip().strip("|").split(" | ")
            if len(row) > column:
                yield row[column].strip()


def words(text: str, column: int = 0) -> list[str]:
    """The code words in one column, in order."""
    return [word for cell in cells(text, column) for word in re.findall(r"`([^`]+)`", cell)]


def assert_same(document: str, told: Iterable[str], real: Iterable[object]) -> None:
    told, expected = list(told), {str(each) for each in real}
    assert expected, "nothing to compare with"
    assert set(told) == expected, document
    assert len(told) == len(expected), f"{document} names something twice"


# Drawn pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["states", "reasons", "config"])
def test_drawn_pages_are_what_the_code_says(name: str) -> None:
    """A table changed in the code is changed in the page too."""
    script = ROOT / "docs" / f"draw_{name}.py"
    ran = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    """`--check` fails for a page that differs in one character, and changes nothing."""
    for name in ("drawing.py", "draw_reasons.py", "reasons.md"):
        (tmp_path / name).write_text(text_of(f"docs/{name}"), encoding="utf-8")
    page = tmp_path / "reasons.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    stale = page.read_bytes()
    command = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; import runpy; sys.argv = ['x', '--check']; "
    command += f"sys.path.insert(0, {str(tmp_path)!r}); runpy.run_path({str(tmp_path / 'draw_reasons.py')!r}, "
    command += "run_name='__main__')"
    ran = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "not what the code says" in ran.stdout
    assert page.read_bytes() == stale


# Links and paths -----------------------------------------------------------------------------------------------------


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = [each[2] for each in _HEADING.finditer(without_blocks(text))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> list[str]:
    found = (one or other for one, other in _LINK.findall(without_blocks(text_of(document))))
    return [link for link in found if not link.startswith(("http://", "https://"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_relative_links_resolve(document: Path) -> None:
    """Every link to a file finds it, and every anchor its heading."""
    for link in links(document):
        target, _, anchor = link.partition("#")
        path = ((ROOT / document).parent / target) if target else ROOT / document
        assert path.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in slugs(path.read_text(encoding="utf-8")), f"{document}: {link}"


def test_there_are_links_and_they_lead_to_every_page() -> None:
    """No page of docs/ is an orphan: each is linked from another document."""
    linked = {((ROOT / page).parent / link.partition("#")[0]).resolve() for page in DOCUMENTS for link in links(page)}
    pages = [page for page in DOCUMENTS if page.parts[0] == "docs" and "decisions" not in page.parts]
    assert len(pages) >= 10
    assert [page for page in pages if (ROOT / page).resolve() not in linked] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_paths_in_backticks_exist(document: Path) -> None:
    """What looks like a path in the repository is one."""
    spans = re.findall(r"`([^`\n]+)`", without_blocks(text_of(document)))
    paths = [span for span in spans if _PATH.fullmatch(span)]
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


def test_the_code_names_documents_that_exist() -> None:
    """A comment that sends the reader to a page of docs/ sends him to one that is there."""
    sources = [path for name in ("gateway", "adapters", "routing") for path in (ROOT / name).rglob("*.py")]
    named = {page for path in sources for page in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))}
    assert named
    assert sorted(page for page in named if not (ROOT / page).is_file()) == []


# The README ----------------------------------------------------------------------------------------------------------


def test_the_readme_has_both_commands() -> None:
    """The two commands stand there to the letter, each on a line of its own."""
    lines = [line.strip() for line in text_of("README.md").splitlines()]
    assert RUN in lines
    assert TEST in lines


def test_the_readme_says_that_the_names_are_generic() -> None:
    """Who installs it beside other things is warned."""
    text = " ".join(text_of("README.md").split())
    assert "generic import names, `gateway`, `adapters` and `routing`" in text


def test_commands_in_the_documents_exist() -> None:
    """Every `-m gateway COMMAND` and `-m MODULE` that is shown can be run."""
    shown = [
        found for page in DOCUMENTS for found in re.findall(r"python -m (gateway[\w.]*)(?: (\w+))?", text_of(page))
    ]
    commands = {command for module, command in shown if module == "gateway" and command}
    assert {"serve", "demo", "sandbox"} <= commands <= set(registered())
    for module, _ in shown:
        assert importlib.util.find_spec(module) is not None, module


def registered() -> list[str]:
    return [name for name in build() if not name.startswith("-")]


# Closed lists --------------------------------------------------------------------------------------------------------


def test_operations_lists_the_commands_and_exit_codes() -> None:
    """No command and no exit code is missing or invented."""
    commands = section("docs/operations.md", "Commands")
    assert_same("operations.md", words(commands), registered())
    told = {int(code) for cell in cells(commands) for code in re.findall(r"^(\d)$", cell)}
    assert told == {int(code) for code in Exit}


def test_operations_lists_the_states_of_a_channel() -> None:
    """Enabled, draining, disabled: no more and no less."""
    assert_same("operations.md", words(section("docs/operations.md", "A channel's state")), ChannelState)


def test_operations_names_log_events_that_are_logged() -> None:
    """Every event in the table stands in the code, as itself or as a type of event."""
    sources = [path for name in ("gateway", "adapters", "routing") for path in (ROOT / name).rglob("*.py")]
    logged = {found for path in sources for found in re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', path.read_text())}
    told = words(section("docs/operations.md", "Logs"))
    assert len(told) > 20
    assert sorted(set(told) - logged) == []


def test_operations_names_every_probe() -> None:
    """The paths of the admin listener are all there."""
    probes = admin_routes(create_autospec(Probes, instance=True))
    assert_same("operations.md", words(section("docs/operations.md", "Health")), (route.path for route in probes))


def test_api_lists_every_call_with_its_scope_and_answers() -> None:
    """Method, path, scope and statuses of each route, and no route that is not served."""
    spec = partial(create_autospec, instance=True)
    routes = public_routes(spec(Payouts), spec(Notifications), spec(Docs), more_calls(spec(PublicState)))
    calls = section("docs/api.md", "Calls")
    assert_same("api.md", words(calls), (f"{route.method} {route.path}" for route in routes))
    by_call = {f"`{route.method} {route.path}`": route for route in routes}
    rows = zip(cells(calls), cells(calls, 1), cells(calls, 2), strict=True)
    for call, scope, answers in (row for row in rows if row[0] in by_call):
        route = by_call[call]
        assert scope == (route.access.value if isinstance(route.access, Scope) else "public"), call
        assert answers == ", ".join(str(answer.status) for answer in route.answers), call


def test_api_lists_every_status() -> None:
    """The public words, and which of them are final."""
    statuses = section("docs/api.md", "Status")
    assert_same("api.md", words(statuses), Status)
    rows = zip(cells(statuses), cells(statuses, 1), strict=True)
    assert {status.strip("`") for status, final in rows if final == "yes"} == {str(status) for status in FINAL}


def test_api_lists_every_kind_of_event() -> None:
    """The timeline's types."""
    assert_same("api.md", words(section("docs/api.md", "Timeline")), EventType)


def test_api_lists_every_problem() -> None:
    """Each code with its HTTP status."""
    errors = section("docs/api.md", "Errors")
    assert_same("api.md", words(errors), PROBLEMS)
    told = {code.strip("`"): http for code, http in zip(cells(errors), cells(errors, 1), strict=True) if "`" in code}
    assert told == {str(code): str(kind.status) for code, kind in PROBLEMS.items()}


def test_the_example_of_a_signature_is_right() -> None:
    """Who checks their code against the page checks it against ours."""
    blocks = re.findall(r"^```\n(.*?)^```", section_with_blocks("docs/api.md", "Who is calling"), re.M | re.S)
    request = next(block for block in blocks if block.startswith("POST "))
    body = request.splitlines()[1]
    made = authorization(
        Algorithm.HMAC_SHA256,
        "demo-easy",
        b"an-example-secret-of-32-bytes-ok",
        method="POST",
        target="/v1/payouts",
        timestamp=1767225600,
        nonce="Zm9vYmFyYmF6cXV4MDE",
        body=body.encode(),
    )
    assert made in [block.strip() for block in blocks]


def section_with_blocks(document: str, heading: str) -> str:
    text = text_of(document)
    start = text.index(f"## {heading}\n")
    return text[start : text.index("\n## ", start)]


def test_callbacks_lists_every_event_type() -> None:
    """What is sent, and nothing that is not."""
    assert_same("callbacks.md", words(section("docs/callbacks.md", "Event types")), EVENT_TYPES)


def test_sandbox_lists_every_ending() -> None:
    """The table of endings, and in each sandbox's own page too."""
    endings = [fate for fate in Fate if fate is not Fate.USUAL]
    told = [word for word in words(section("docs/sandbox.md", "Endings")) if re.fullmatch(r"\d{4}", word)]
    assert_same("sandbox.md", told, endings)
    for page in ("adapters/mock/README.md", "adapters/wechat/README.md"):
        assert_same(page, [word for word in words(text_of(page)) if re.fullmatch(r"\d{4}", word)], endings)


def test_sandbox_lists_every_fault() -> None:
    """What can be ordered on the control surface."""
    assert_same("sandbox.md", words(section("docs/sandbox.md", "Faults")), Fault)


def test_sandbox_options_exist() -> None:
    """Every option in the table is one of the command's."""
    told = [shlex.split(word)[0] for word in words(section("docs/sandbox.md", "Starting them"))]
    options = [option for option in told if option.startswith("--")]
    assert len(options) == 5
    parsed = build()["sandbox"].assemble_argument_collection()
    known = {name for argument in parsed for name in argument.names}
    assert set(options) <= known


def test_adding_a_channel_lists_outcomes_and_finalities() -> None:
    """An author finds every word an adapter may say."""
    told = set(words(section("docs/adding-a-channel.md", "Saying what the channel said"), 1))
    assert {str(kind) for kind in OutcomeKind} <= told
    finalities = set(words(section("docs/adding-a-channel.md", "Saying what the channel said")))
    assert {str(finality) for finality in Finality} <= finalities


def test_reliability_has_every_rule_once() -> None:
    """R1 to R21, each with a word on this version."""
    rules = section("docs/reliability.md", "2.1 R1 to R21")
    assert [cell for cell in cells(rules) if re.fullmatch(r"R\d+", cell)] == [f"R{number}" for number in range(1, 22)]
    assert all(re.match(r"kept|\*\*not there\*\*", cell) for cell in cells(rules, 2))


def test_the_glossary_has_the_nouns() -> None:
    """The words of the house, each with the thing in the code that it names."""
    nouns = section("docs/glossary.md", "Nouns")
    assert set(cells(nouns)) == NOUNS
    for name in words(nouns, 2):
        resolve(name)
    kept = set(re.findall(r"\*\*([^*]+)\*\*", section("docs/glossary.md", "Words kept for later")))
    assert kept == LATER


def resolve(name: str) -> object:
    """The object that a dotted name names; raises when there is none."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def test_decisions_are_numbered_without_a_gap() -> None:
    """0001, 0002 and so on; each says context, decision and consequences."""
    notes = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [note.name[:4] for note in notes] == [f"{number:04d}" for number in range(1, len(notes) + 1)]
    assert len(notes) >= 9
    for note in notes:
        text = note.read_text(encoding="utf-8")
        assert text.startswith(f"# {note.name[:4]}: ")
        assert [part in text for part in ("**Context.**", "**Decision.**", "**Consequences.**")] == [True] * 3
