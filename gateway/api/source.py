"""Where a request comes from. `X-Forwarded-For` is believed as far as our own proxies wrote it, and no further
(docs/reliability.md 4, row 19): each proxy appends whom it heard, so the newest one that is none of ours is the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from gateway.api.connections import Networks, within

HOPS_MAX = 32


def source(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """The caller's address. `forwarded` are the `X-Forwarded-For` headers in their order.

    From a peer that is no proxy of ours the header is not looked at. What is no address ends the chain: the last proxy
    that said so answers for it.
    """
    if not within(peer, trusted):
        return peer
    hops = ",".join(forwarded).rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    nearest = peer
    for hop in reversed(hops):
        try:
            nearest = str(ip_address(hop.strip()))
        except ValueError:
            break
        if not within(nearest, trusted):
            break
    return nearest
