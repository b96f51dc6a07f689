"""What the drawing adds to the document: names, and what may be said twice. What is not listed is not."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

REPEATABLE = {
    "createPayout": "the reference makes it one order, however often it is sent",
    "cancelPayout": "a wish said twice is one wish",
    "createQuote": "a quote changes nothing: one more is one more price",
    "createBatch": "the reference makes it one batch",
    "createBeneficiary": "the same payee is saved once",
    "retryPayout": "the new reference makes it one order, and there is at most one retry",
}
"""Calls that change something and may be repeated, and why. Reading is always repeatable."""

LEFT_OUT = {
    "notify": "channels call it, apps do not",
    "streamTimeline": "a stream, to be read as it comes: `timeline` has the same",
}
"""Operations without a method, and why."""

BODY_NAMES = {"CreatePayout": "order"}
"""What the argument of a body is called; the others are `body`."""

PRIVATE = frozenset({"account_number", "name", "openid"})
"""Fields of a request that are kept out of its repr."""

_RENAMED = {"Code": "ProblemCode"}


def model_name(schema: str) -> str:
    """The class of a schema: `PayoutReply` is a Payout."""
    return _RENAMED.get(schema, schema.removesuffix("Reply"))


def model_of(reference: str) -> str:
    return model_name(reference.rpartition("/")[2])


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def snake_header(name: str) -> str:
    """The argument of a header."""
    return name.lower().replace("-", "_")


def docstring(text: str, indent: str = "    ", lead: str = "") -> str:
    """A docstring of at most 120 columns, with a line feed; nothing for no text."""
    if not text:
        return ""
    lines = textwrap.wrap(" ".join(text.split()), 116 - len(indent))
    end = '"""' if len(lines) == 1 else f'\n{indent}"""'
    return f'{lead}{indent}"""' + f"\n{indent}".join(lines) + end + "\n"


def formatted(text: str) -> str:
    """As the house formats it."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--line-length", "120", "--isolated", "-"]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603 - our own tool
    return ran.stdout
