"""Draw docs/openapi.json from the route table and the models: what a gateway in sandbox mode serves.

python docs/draw_openapi.py            writes it
python docs/draw_openapi.py --check    exit code 1 when it is not what the code says
"""

from __future__ import annotations

import json
import sys
from unittest.mock import create_autospec

from drawing import write_or_check

import gateway
from gateway.api.calls import calls
from gateway.api.docs import Docs
from gateway.api.notifications import Notifications
from gateway.api.openapi import Json, build
from gateway.api.payouts import Payouts
from gateway.api.state import PublicState
from gateway.api.table import public_routes


def document() -> Json:
    """As served, but for the names of preferences, which an operator chooses."""
    kinds = (Payouts, Notifications, Docs, PublicState)
    payouts, notifications, docs, state = (create_autospec(kind, instance=True) for kind in kinds)
    return build(public_routes(payouts, notifications, docs, calls(state)), gateway.__version__, sandbox=True)


if __name__ == "__main__":
    text = json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    sys.exit(write_or_check("openapi.json", text, sys.argv[1:]))
