"""Everything random of one world, from its seed. Nothing else in a simulation may be a matter of chance."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID


class Dice:
    """Streams by name, each with a generator of its own: a new draw in one of them moves no other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def of(self, name: str) -> random.Random:
        """The stream of that name, the same one every time."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self.seed}/{name}")
        return self._streams[name]


def cut_at(dice: random.Random, size: int) -> int:
    """A place in a message of `size` bytes. One draw, whatever its size: a signature's length moves no other die."""
    return int(dice.random() * size)


def uuid7(dice: random.Random, now_s: float) -> UUID:
    """A version 7 UUID of this moment."""
    value = (int(now_s * 1000) << 80) | dice.getrandbits(80)
    value = (value & ~(0xF << 76)) | (7 << 76)
    return UUID(int=(value & ~(0x3 << 62)) | (2 << 62))


@contextmanager
def seeded_entropy(dice: Dice) -> Iterator[None]:
    """While this is open, the process's own sources of chance are drawn from the seed.

    Sandboxes take ids and nonces from `uuid4` and `secrets`, and tenacity spreads its retries by the module `random`.
    """
    found: Callable[[int], bytes] = os.urandom
    system, state = random._urandom, random.getstate()  # type: ignore[attr-defined]  # what `secrets` draws from
    draw = dice.of("entropy").randbytes
    random.seed(dice.seed)
    os.urandom = draw
    random._urandom = draw  # type: ignore[attr-defined]  # as above
    try:
        yield
    finally:
        os.urandom = found
        random._urandom = system  # type: ignore[attr-defined]  # as it was
        random.setstate(state)
