"""What several workers say of the same channels, as one answer. Pure: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.api.responses import encode
from routing.breaker import BreakerState

Json = dict[str, Any]

_WORST = {str(BreakerState.CLOSED): 0, str(BreakerState.HALF_OPEN): 1, str(BreakerState.OPEN): 2}


def one_of(bodies: Sequence[bytes]) -> bytes:
    """The first, with what is under way on each channel added up and the worst of the breakers."""
    said: list[Json] = [json.loads(body) for body in bodies]
    first = said[0]
    channels = [_together(each, said) for each in first["data"]]
    return encode({**first, "data": channels})


def _together(channel: Json, said: Sequence[Json]) -> Json:
    same = [each for answer in said for each in answer["data"] if each["name"] == channel["name"]]
    worst = max((each["breaker"] for each in same), key=lambda breaker: _WORST.get(breaker, 0))
    return {**channel, "in_flight": sum(each["in_flight"] for each in same), "breaker": worst}
