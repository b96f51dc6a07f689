"""What the documents say to a running gateway is said to one: commands, requests; and it answers as they show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest

from tests.acceptance.document_blocks import INDENTED, ROOT, Block, Place, blocks_at
from tests.acceptance.document_scene import Scene, scene
from tests.acceptance.document_table import Commands, Sent, cases

OPENAPI: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One gateway for all of them."""
    with scene(tmp_path_factory.mktemp("reader")) as opened:
        yield opened


@cases(Commands)
@pytest.mark.timeout(300)
def test_commands_end_as_they_should(block: Block, how: Commands, reader: Scene) -> None:
    """Each is run as it stands there, in the order of the page, and does something."""
    if how.after:
        getattr(reader, how.after)()
    ran = reader.follow(block, dict(how.more))
    assert ran
    for each in ran:
        code = next((code for begin, code in how.codes.items() if each.command.startswith(begin)), 0)
        assert each.code == code, f"{each.command}\n{each.told}"
    told = "\n".join(each.told for each in ran)
    for wanted in how.says:
        assert re.search(wanted, told), told


@cases(Sent)
@pytest.mark.timeout(300)
def test_a_request_is_taken(block: Block, how: Sent, reader: Scene) -> None:
    """It is what the published schema says, and is answered so."""
    text = block.text
    for shown, meant in reader.known.items():
        text = text.replace(shown, meant)
    method, _, path = how.call.replace("{failed}", reader.failed).partition(" ")
    if how.media == "application/json":
        body = json.loads(text)
        if how.field:
            amount = {"value": 12500, "currency": "CNY"}
            body = {"reference": f"with-a-{how.field}", "amount": amount, how.field: body}
        text = json.dumps(body)
        jsonschema.validate(body, schema(operation(how.call)["requestBody"], how.media))
    answer = reader.call(method, path, text, how.app, how.media)
    assert answer.status_code == how.status, answer.text
    promised = operation(how.call)["responses"][str(how.status)]
    jsonschema.validate(answer.json(), schema(promised, "application/json"))


def operation(call: str) -> dict[str, Any]:
    method, _, path = call.replace("{failed}", "{payout_id}").partition("?")[0].partition(" ")
    found: dict[str, Any] = OPENAPI["paths"][path][method.lower()]
    return found


def schema(holder: Mapping[str, Any], media: str) -> dict[str, Any]:
    return {**holder["content"][media]["schema"], "components": OPENAPI["components"]}


def only(page: str, heading: str, language: str) -> Block:
    (block,) = blocks_at(Place(page, heading, language))
    return block


def alike(shown: Any, real: Any) -> None:
    """Everything that is shown is there, of the same kind; what ends with `…` begins the same."""
    assert type(shown) is type(real), (shown, real)
    if isinstance(shown, dict):
        for name, value in shown.items():
            alike(value, real[name])
    if isinstance(shown, str) and shown.endswith("…"):
        assert real.startswith(shown[:-1])


def test_an_empty_list(reader: Scene) -> None:
    """To the letter."""
    answer = reader.call("GET", "/v1/payouts?reference=nobody-ordered-this")
    assert answer.json() == json.loads(only("docs/api.md", "Lists", "json").text)


def test_a_line_of_a_stream(reader: Scene) -> None:
    """The payout that failed told its attempt's move in this form."""
    body = reader.call("GET", f"/v1/payouts/{reader.failed}/stream").text
    shown = message(only("docs/api.md", "As a stream", "").text)
    real = next(found for found in map(message, body.split("\n\n")) if found["event"] == shown["event"])
    for told in (shown, real):
        data = json.loads(told["data"])
        assert (told["id"], told["event"]) == (str(data["sequence"]), data["type"])
        assert list(told) == ["id", "event", "data"]
    assert json.loads(shown["data"]).keys() == json.loads(real["data"]).keys()
    alike(json.loads(shown["data"]), json.loads(real["data"]))


def message(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition(": ") for line in text.strip().splitlines())}


def test_what_a_callback_carries(reader: Scene) -> None:
    """The event of a payout that was paid, as it is pushed, has all that the page shows, and nothing beside it."""
    reader.follow(blocks_at(Place("README.md", "Quickstart", "sh"))[1])
    path = "/v1/events?type=payout.paid"
    reader.until("it is paid", lambda: bool(paid_events(reader, path)))
    shown = json.loads(only("docs/callbacks.md", "What comes", "json").text)
    real = paid_events(reader, path)[0]
    alike(shown, real)
    assert shown.keys() == real.keys() - {"callbacks", "object", "corrects"}
    assert shown["data"]["object"]["status"] == real["data"]["object"]["status"]


def paid_events(reader: Scene, path: str) -> list[Any]:
    found: list[Any] = reader.call("GET", path).json()["data"]
    return [each for each in found if each["data"]["object"]["reference"] == "first-1"]


def test_an_item_that_is_no_payout(reader: Scene) -> None:
    """A sheet whose row 77 has no whole number in it: the item is told to the letter."""
    shown = json.loads(only("docs/batches.md", "What you get", "json").text)
    head = "reference,amount,currency,type,account_number,name,bank_code,country\n"
    rest = "CNY,bank_account,6222021234567890,张三,102100099996,CN\n"
    amounts = ["100"] * (shown["number"] - 1) + ["12.50"]
    sheet = head + "".join(f"nov-{number:04},{amount},{rest}" for number, amount in enumerate(amounts, 1))
    made = reader.call("POST", "/v1/batches?reference=an-item-that-is-none", sheet, "shop", "text/csv").json()
    path = f"/v1/batches/{made['id']}/items?status=failed"
    reader.until("the item is looked at", lambda: bool(reader.call("GET", path, app="shop").json()["data"]))
    (real,) = reader.call("GET", path, app="shop").json()["data"]
    assert {name: value for name, value in real.items() if name in shown} == shown
    assert real.keys() - shown.keys() <= {"object"}


def test_the_limits_are_told(reader: Scene) -> None:
    """The policy to the letter, what is left of it in this form."""
    shown = message(only("docs/api.md", "Limits", "").text)
    real = reader.call("GET", "/v1/payouts").headers
    assert real["RateLimit-Policy"] == shown["RateLimit-Policy"]
    assert re.sub(r"\d+", "0", real["RateLimit"]) == re.sub(r"\d+", "0", shown["RateLimit"])


def test_a_scenario_is_taken(reader: Scene) -> None:
    """The bank's control surface knows the words."""
    reader.sandboxes()
    block = only("adapters/bank/README.md", "The sandbox bank", INDENTED)
    said = reader.run(f"curl -s http://127.0.0.1:9112/scenario -d '{block.text.strip()}'")
    assert said.code == 0, said.told
