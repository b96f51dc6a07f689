"""A channel's weight: of so many payouts in a hundred it takes part, the others it leaves to other channels.

Which ones hangs on the payout alone, so it is the same at every look, and a lower weight only ever takes payouts away.
Nobody else there? Then it carries them all the same: a weight keeps no payout waiting.
"""

from __future__ import annotations

from hashlib import blake2b

WHOLE = 100
"""The weight of a channel that nothing holds back."""


def sits_out(channel: str, weight: int, key: str) -> bool:
    """Whether the channel leaves the payout of this key to the others; without a key it takes part in all."""
    return weight < WHOLE and bool(key) and _lot(channel, key) >= weight


def _lot(channel: str, key: str) -> int:
    """0 to 99, even over many payouts, and for each channel by itself."""
    return int.from_bytes(blake2b(f"{channel}\0{key}".encode(), digest_size=8).digest()) * WHOLE >> 64
