"""Sealed values open only in their own place and under their own key."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sealing import SealBroken, Sealer

OLD, NEW = bytes(32), bytes([1]) * 32


@given(plain=st.binary(max_size=200), place=st.text(max_size=40))
def test_round_trip(plain: bytes, place: str) -> None:
    """What was sealed opens again, and its bytes show nothing of the plain ones."""
    sealed = Sealer([OLD], os.urandom).seal(plain, place)
    assert Sealer([OLD], os.urandom).open(sealed, place) == plain
    assert len(plain) < 8 or plain not in sealed


def test_another_place_does_not_open() -> None:
    """A ciphertext moved to another row or column is refused."""
    sealer = Sealer([OLD], os.urandom)
    sealed = sealer.seal(b"x", "payouts|beneficiary|po_1")
    for place in ("payouts|beneficiary|po_2", "payouts|metadata|po_1", ""):
        with pytest.raises(SealBroken):
            sealer.open(sealed, place)


@given(position=st.integers(0, 1000), flip=st.integers(1, 255))
def test_a_changed_byte_does_not_open(position: int, flip: int) -> None:
    """Every byte counts: algorithm, key id, nonce, ciphertext and tag."""
    sealer = Sealer([OLD], os.urandom)
    sealed = bytearray(sealer.seal(b"account number", "place"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealBroken):
        sealer.open(bytes(sealed), "place")


def test_a_new_key_is_added_beside_the_old() -> None:
    """The first key seals, every key opens, an unknown one does not."""
    before = Sealer([OLD], os.urandom).seal(b"x", "p")
    rotated = Sealer([NEW, OLD], os.urandom)
    assert rotated.open(before, "p") == b"x"
    with pytest.raises(SealBroken):
        Sealer([OLD], os.urandom).open(rotated.seal(b"x", "p"), "p")


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_a_key_is_32_bytes(keys: list[bytes]) -> None:
    """Anything else is refused at once."""
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(keys, os.urandom)


def test_truncated_values_are_broken_not_crashes() -> None:
    """Any shorter value is refused as broken."""
    sealer = Sealer([OLD], os.urandom)
    sealed = sealer.seal(b"x", "p")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealer.open(sealed[:length], "p")
