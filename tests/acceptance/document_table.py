"""How every code block of every document is executed. A block without a row fails, a row without a block fails, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.acceptance.document_blocks import INDENTED, Place, blocks, pages


@dataclass(frozen=True, slots=True)
class ByTest:
    """Another test does it, or several together: `path::name`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InCi:
    """Every one of its commands is one of `.ci/run`, which may give it more or fewer words."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """Nobody does it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Commands:
    """A reader does, at a running gateway (`document_scene.py`)."""

    codes: Mapping[str, int] = field(default_factory=dict)
    """The exit code of commands that begin like this, where it is not 0."""
    says: tuple[str, ...] = ()
    """What it must print, as regular expressions: that there was something to do."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Words added to commands that begin like this, so that they end within seconds."""
    after: str = ""
    """What must have happened before: a method of the scene."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The body of a request that a running gateway takes, and answers as its published schema says."""

    call: str
    status: int = 201
    app: str = "demo"
    media: str = "application/json"
    field: str = ""
    """It is only this field of the order that is sent."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A part of config.toml: beside the rest of the shipped one it is read without a fault, secrets and all."""

    environ: Mapping[str, str] = field(default_factory=dict)


How = ByTest | InCi | NotRun | Commands | Sent | Merged
Rows = dict[Place, How | tuple[How, ...]]
"""One for each block there, from top to bottom. For a whole page, whose test goes through all of it, one for all."""


def by(*names: str) -> ByTest:
    return ByTest(names)


HERE = "tests/acceptance/test_documents_run.py"
HOLD = "tests/acceptance/test_documents_hold.py"
HOUSE = "tests/house/test_documents.py"
QUICKSTART = by("tests/acceptance/test_quickstart.py::test_the_quickstart_does_what_it_says")
CHINESE = by("tests/house/test_readme_in_chinese.py::test_both_say_the_same")
CLIENT = by("tests/unit/clients/test_client_readme.py::test_the_blocks_run_one_after_the_other")
SNIPPETS = by(
    "tests/snippets/test_snippets.py::test_a_snippet_gives_every_known_answer",
    "tests/snippets/test_snippets.py::test_the_pages_show_the_files",
)
TUTORIAL = by("tests/integration/adapter_kit/test_tutorial_adapter.py::test_an_installed_channel_keeps_every_promise")
DRAWN = by(
    "tests/house/test_documents.py::test_drawn_pages_are_what_the_code_says",
    "tests/house/test_observability.py::test_what_is_made_by_a_script_is_up_to_date",
    "tests/taxonomy/test_taxonomy.py::test_the_page_says_what_the_rows_say",
    "tests/house/test_api_compatibility.py::test_the_published_document_is_the_served_one",
    "tests/unit/clients/test_client_drawn.py::test_the_drawn_modules_are_what_the_api_is",
)
BY_RULE = by("tests/unit/routing/test_routing_index.py::test_the_index_by_hand")
BY_FORCE = by("tests/unit/routing/test_routing_index.py::test_ascending_index_is_as_good_as_the_best_of_all_orders")
SIGNATURE = by(f"{HOUSE}::test_the_example_of_a_signature_is_right")
LOOK = Commands()
SMALL = "--seeds 0:1 --orders-scale 0.01 --jobs 1"

_PAGES: Rows = {
    Place("README.md", "paymux", INDENTED): (by("tests/acceptance/test_demo.py::test_the_demo_ends_well"), InCi()),
    Place("README.md", "Quickstart", "sh"): (
        Commands(),
        Commands(says=(r"HTTP/1.1 20[01] ", r'"reference": ?"first-1"')),
        Commands(says=('"timeline"',)),
        Commands(says=('"verified"',)),
        Commands(),
    ),
    Place("README.zh-CN.md", "", INDENTED): CHINESE,
    Place("README.zh-CN.md", "", "sh"): CHINESE,
    Place("CONTRIBUTING.md", "The checks", "sh"): (NotRun("it is what runs these tests"), InCi()),
    Place("CONTRIBUTING.md", "Tests", "sh"): (
        by("tests/idempotency/test_identical_orders.py::test_fifty_identical_orders_at_once_are_one_payout"),
        by("tests/fuzz/test_fuzz_api.py::test_the_api_keeps_to_its_document"),
    ),
    Place("CONTRIBUTING.md", "Documents", "sh"): (
        DRAWN,
        NotRun("it never ends; `.ci/run` builds the same site"),
    ),
    Place("adapters/bank/README.md", "The sandbox bank", INDENTED): by(f"{HERE}::test_a_scenario_is_taken"),
    Place("clients/python/README.md", "", "python"): CLIENT,
    Place("docs/adding-a-channel.md", "Joining", "toml"): by(f"{HOLD}::test_the_entry_point_is_the_skeletons"),
    Place("docs/adding-a-channel.md", "Before it pays anyone", "sh"): TUTORIAL,
    Place("docs/api.md", "Ordering", "json"): Sent("POST /v1/payouts"),
    Place("docs/api.md", "Retrying", "json"): Sent("POST /v1/payouts/{failed}/retry"),
    Place("docs/api.md", "As a stream", ""): by(f"{HERE}::test_a_line_of_a_stream"),
    Place("docs/api.md", "Lists", "json"): by(f"{HERE}::test_an_empty_list"),
    Place("docs/api.md", "Quotes", "json"): Sent("POST /v1/quotes"),
    Place("docs/api.md", "Callback endpoints", "json"): Sent("POST /v1/callback_endpoints", app="shop"),
    Place("docs/api.md", "Who is calling", ""): (
        by(f"{HOLD}::test_what_is_signed_and_the_headers_form"),
        by(f"{HOLD}::test_what_is_signed_and_the_headers_form"),
        SIGNATURE,
        SIGNATURE,
    ),
    Place("docs/api.md", "Limits", ""): by(f"{HERE}::test_the_limits_are_told"),
    Place("docs/architecture.md", "Who may import whom", ""): by(f"{HOLD}::test_the_layers_are_those_that_are_held"),
    Place("docs/batches.md", "Saving payees", "json"): (
        Sent("POST /v1/beneficiaries"),
        Sent("POST /v1/payouts", field="beneficiary"),
    ),
    Place("docs/batches.md", "As CSV", ""): Sent(
        "POST /v1/batches?reference=payroll-2026-11", 202, app="acme", media="text/csv"
    ),
    Place("docs/batches.md", "As JSON", "json"): Sent("POST /v1/batches", 202),
    Place("docs/batches.md", "What you get", "json"): by(f"{HERE}::test_an_item_that_is_no_payout"),
    Place("docs/callbacks.md", "Callbacks", "toml"): Merged({"DEMO_CALLBACK_SECRET": "whsec_" + "QUJD" * 11}),
    Place("docs/callbacks.md", "What comes", "json"): by(f"{HERE}::test_what_a_callback_carries"),
    Place("docs/operations.md", "Configuration", ""): by(f"{HOLD}::test_faults_are_told_as_the_page_tells_them"),
    Place("docs/operations.md", "Before a change", "sh"): LOOK,
    Place("docs/operations.md", "Overrides", "sh"): Commands(says=("it answers slowly",)),
    Place("docs/operations.md", "Metrics", "sh"): InCi(),
    Place("docs/operations.md", "The first people", "sh"): LOOK,
    Place("docs/operations.md", "What takes two", "sh"): Commands(says=(r"po_\w+", r"rq_\w+")),
    Place("docs/operations.md", "The audit", "sh"): Commands(says=("ada",)),
    Place("docs/performance.md", "How it is measured", "sh"): by(
        "tests/unit/test_bench_e2e.py::test_a_round_through_floor_and_gateway"
    ),
    Place("docs/quickstart.md", "", "sh"): QUICKSTART,
    Place("docs/quickstart.md", "", "text"): QUICKSTART,
    Place("docs/routing-lab.md", "The routing lab", INDENTED): Commands(
        more={
            "python -m gateway lab run --json": f"--scenarios trial --arms paymux,oracle {SMALL}",
            "python -m gateway lab run --scenarios": SMALL,
        }
    ),
    Place("docs/routing-lab.md", "Measured", INDENTED): by(
        "tests/unit/lab/test_lab_results.py::test_json_ends_with_one_line_of_the_promised_form",
        "tests/unit/lab/test_lab_results.py::test_processes_change_nothing",
    ),
    Place("docs/routing-lab.md", "One's own orders", INDENTED): LOOK,
    Place("docs/routing.md", "1. One number", INDENTED): (BY_RULE, BY_FORCE),
    Place("docs/sandbox.md", "Starting them", "sh"): (LOOK, LOOK),
    Place("docs/sandbox.md", "With TLS", "toml"): Merged(),
    Place("docs/sandbox.md", "The control surface", "sh"): Commands(after="sandboxes"),
    Place("docs/states.md", "An attempt", "mermaid"): by(f"{HOUSE}::test_drawn_pages_are_what_the_code_says"),
    Place("docs/stores.md", "PostgreSQL", "toml"): Merged(
        {"PAYMUX_DATABASE": "postgresql://paymux:PASSWORD@db.internal:5432/paymux"}
    ),
    Place("docs/stores.md", "PostgreSQL", "sql"): by(f"{HOLD}::test_the_database_is_made"),
    Place("docs/tutorial-adapter.md", "Begin", "sh"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Our order, in Acme's words", "python"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Acme's answer, in ours", "python"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Its notifications", "python"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Check it", "sh"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Ship it", "sh"): TUTORIAL,
    Place("docs/tutorial-adapter.md", "Check it", ""): by(
        "tests/integration/adapter_kit/test_tutorial_adapter.py::test_the_page_shows_the_commands_own_words"
    ),
    **{
        Place(page, name, language): SNIPPETS
        for page in ("docs/callbacks.md", "docs/signing.md")
        for name, language in (("Python", "python"), ("Node", "js"), ("Go", "go"), ("Java", "java"), ("PHP", "php"))
    },
}

_RUNBOOK: dict[str, Commands] = {
    "Channel failing": Commands(says=("mock", "alpha", "it refuses every tenth payout")),
    "Breaker open": LOOK,
    "Channel stopped": Commands(says=(r"po_\w+",)),
    "Outcome unknown growing": Commands(says=("payout.held", "it does not answer")),
    "Balance low": Commands(says=("alpha",)),
    "Notifications refused": Commands(after="sandboxes"),
    "Payouts not sent": Commands(after="sandboxes"),
    "Payouts old": LOOK,
    "No payouts": Commands(after="sandboxes"),
    "Holds ageing": Commands(says=(r"rq_\w+",)),
    "Callback backlog": Commands(after="sandboxes"),
    "Callbacks parked": Commands(says=("acme po_", "[1-9][0-9]* callbacks are due now")),
    "Config reload failing": LOOK,
    "Down": Commands(codes={"paymux serve": 1}, says=("another gateway",), after="sandboxes"),
    "Database errors": Commands(after="sandboxes"),
    "Worker behind": Commands(after="sandboxes"),
    "Loop lagging": Commands(after="sandboxes"),
    "Nodes differ": LOOK,
    "Workers dying": Commands(after="sandboxes"),
    "Api failing": Commands(after="sandboxes"),
}

_RESTORED: Rows = {
    Place("docs/operations.md", "Backup", "sh"): Commands(after="crashed"),
    Place("docs/runbook.md", "Quarantined", "sh"): Commands(says=("quarantine since", r"rq_\w+"), after="restored"),
}

ROWS: Rows = _PAGES | {Place("docs/runbook.md", heading, "sh"): how for heading, how in _RUNBOOK.items()} | _RESTORED
"""In the order in which they run: what is done to a gateway that crashed comes last."""


ALL = [block for page in pages() for block in blocks(page)]


def row_of(place: Place) -> Place | None:
    """The row for blocks there: that of their heading, else that of their whole page."""
    anywhere = Place(place.page, "", place.language)
    return place if place in ROWS else anywhere if anywhere in ROWS else None


def cases(kind: type) -> pytest.MarkDecorator:
    """Every `block` that is executed in this way, with its `how`, in the order of the table."""
    found = []
    for place, how in ROWS.items():
        there = [block for block in ALL if row_of(block.place) == place]
        each = how if isinstance(how, tuple) else (how,) * len(there)
        found += [pair for pair in zip(there, each, strict=False) if isinstance(pair[1], kind)]
    return pytest.mark.parametrize(("block", "how"), found, ids=[str(block) for block, _ in found])
