"""Draw models.py, calls.py and methods.py of the client from the gateway's own OpenAPI document.

python clients/python/draw_api.py            writes them
python clients/python/draw_api.py --check    exit code 1 when they are not what the document says
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import create_autospec

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from drawn.methods import calls_module, methods_module  # noqa: E402 - the checkout is importable only from here on
from drawn.models import models_module  # noqa: E402 - as above
from drawn.names import Document  # noqa: E402 - as above
from gateway.api.calls import calls as more_calls  # noqa: E402 - as above
from gateway.api.docs import Docs  # noqa: E402 - as above
from gateway.api.notifications import Notifications  # noqa: E402 - as above
from gateway.api.openapi import build  # noqa: E402 - as above
from gateway.api.payouts import Payouts  # noqa: E402 - as above
from gateway.api.state import PublicState  # noqa: E402 - as above
from gateway.api.table import public_routes  # noqa: E402 - as above

PACKAGE = HERE / "paymux_client"


def document() -> Document:
    """The OpenAPI document as a sandbox serves it."""
    payouts, notifications, docs, state = (
        create_autospec(kind, instance=True) for kind in (Payouts, Notifications, Docs, PublicState)
    )
    routes = public_routes(payouts, notifications, docs, more_calls(state))
    served: Document = build(routes, "0", sandbox=True)
    return served


def pages(served: Document) -> dict[str, str]:
    """Each drawn module by its file's name."""
    return {
        "models.py": models_module(served),
        "calls.py": calls_module(served),
        "methods.py": methods_module(served),
    }


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: [--check]", file=sys.stderr)
        return 2
    stale = 0
    for name, text in pages(document()).items():
        page = PACKAGE / name
        if arguments and (not page.is_file() or page.read_text(encoding="utf-8") != text):
            print(f"{name} is not what the API is: run the script without --check")
            stale = 1
        elif not arguments:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.relative_to(HERE)}")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
