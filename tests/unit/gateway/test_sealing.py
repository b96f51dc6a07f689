"""Sealed values open only in their own place, and under keys that lead to them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import sealing
from gateway.ciphers import ALGORITHMS, Cipher
from gateway.sealing import DataKey, SealBroken, Sealer
from tests.support.sealed_books import FirstLayoutSealer

OLD, NEW = bytes(32), bytes([1]) * 32
CIPHERS = st.sampled_from(Cipher)


def sealing_by(*keys: bytes, cipher: Cipher = Cipher.AES_256_GCM, there: Sequence[DataKey] = ()) -> Sealer:
    """As a store opens it: it knows the data keys that are there, and seals with one of its own."""
    sealer = Sealer(keys, os.urandom, cipher)
    sealer.know(there)
    sealer.adopt(sealer.new_key())
    return sealer


@given(plain=st.binary(max_size=200), place=st.text(max_size=40), cipher=CIPHERS)
def test_round_trip(plain: bytes, place: str, cipher: Cipher) -> None:
    """What was sealed opens again, by whoever knows the data key; its bytes show nothing of the plain ones."""
    sealer = Sealer([OLD], os.urandom, cipher)
    key = sealer.new_key()
    sealer.adopt(key)
    sealed = sealer.seal(plain, place)
    assert sealed[:1] == ALGORITHMS[cipher].byte
    assert sealing_by(OLD, there=[key]).open(sealed, place) == plain
    assert len(plain) < 8 or plain not in sealed


@pytest.mark.parametrize("cipher", Cipher)
def test_another_place_does_not_open(cipher: Cipher) -> None:
    """A ciphertext moved to another row or column is refused."""
    sealer = sealing_by(OLD, cipher=cipher)
    sealed = sealer.seal(b"x", "payouts|beneficiary|po_1")
    for place in ("payouts|beneficiary|po_2", "payouts|metadata|po_1", ""):
        with pytest.raises(SealBroken):
            sealer.open(sealed, place)


@given(position=st.integers(0, 1000), flip=st.integers(1, 255), cipher=CIPHERS)
def test_a_changed_byte_does_not_open(position: int, flip: int, cipher: Cipher) -> None:
    """Every byte counts: algorithm, key id, nonce, ciphertext and tag."""
    sealer = sealing_by(OLD, cipher=cipher)
    sealed = bytearray(sealer.seal(b"account number", "place"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealBroken):
        sealer.open(bytes(sealed), "place")


@given(position=st.integers(0, 1000), flip=st.integers(1, 255), cipher=CIPHERS)
def test_a_changed_data_key_opens_nothing(position: int, flip: int, cipher: Cipher) -> None:
    """Nor does one that stands under the id of another."""
    sealer = Sealer([OLD], os.urandom, cipher)
    key, other = sealer.new_key(), sealer.new_key()
    sealer.adopt(key)
    sealed = sealer.seal(b"account number", "place")
    wrapped = bytearray(key.wrapped)
    wrapped[position % len(wrapped)] ^= flip
    for wrong in (DataKey(key.id, bytes(wrapped)), DataKey(key.id, other.wrapped)):
        with pytest.raises(SealBroken):
            sealing_by(OLD, there=[wrong]).open(sealed, "place")


def test_the_sealing_key_is_changed_by_wrapping_data_keys_anew() -> None:
    """The first key wraps, every key opens; rewrapped, the old one is not needed, and the values are as they were."""
    before = Sealer([OLD], os.urandom)
    key = before.new_key()
    before.adopt(key)
    sealed = before.seal(b"x", "p")
    both = sealing_by(NEW, OLD, there=[key])
    assert both.open(sealed, "p") == b"x"
    again = both.rewrapped(key)
    assert again is not None
    assert again.id == key.id
    assert both.rewrapped(again) is None
    assert sealing_by(NEW, there=[again]).open(sealed, "p") == b"x"
    assert not Sealer([OLD], os.urandom).leads_to(again)
    for one, other in ((OLD, again), (NEW, key)):
        with pytest.raises(SealBroken):
            sealing_by(one, there=[other]).open(sealed, "p")


def test_the_first_layout_opens() -> None:
    """What was sealed under a sealing key itself opens, under any that we have, in its own place."""
    sealed = FirstLayoutSealer(OLD).seal(b"x", "p")
    assert sealing_by(NEW, OLD).open(sealed, "p") == b"x"
    for sealer, place in ((sealing_by(NEW, OLD), "q"), (sealing_by(NEW), "p")):
        with pytest.raises(SealBroken):
            sealer.open(sealed, place)


def test_nothing_is_sealed_without_a_data_key() -> None:
    """A value under a key that is nowhere stored would be lost."""
    with pytest.raises(LookupError):
        Sealer([OLD], os.urandom).seal(b"x", "p")


def test_a_data_key_that_was_not_known_is_looked_for_once() -> None:
    """Another node's: asked for when its first value is opened, and not again."""
    theirs = Sealer([OLD], os.urandom)
    key = theirs.new_key()
    theirs.adopt(key)
    asked: list[bytes] = []

    def find(key_id: bytes) -> bytes | None:
        asked.append(key_id)
        return key.wrapped if key_id == key.id else None

    ours = sealing_by(OLD)
    ours.find = find
    for _ in range(3):
        assert ours.open(theirs.seal(b"x", "p"), "p") == b"x"
    assert asked == [key.id]


def test_a_data_key_wears(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many values it is time for another one; nonces are random, and must never meet."""
    monkeypatch.setattr(sealing, "USES_MAX", 3)
    sealer = sealing_by(OLD)
    for _ in range(3):
        assert not sealer.worn
        sealer.seal(b"x", "p")
    assert sealer.worn
    sealer.adopt(sealer.new_key())
    assert not sealer.worn


def test_the_count_leaves_room() -> None:
    """2**32 values are allowed under one key with random nonces."""
    assert 4 * sealing.USES_MAX <= 2**32


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_a_key_is_32_bytes(keys: list[bytes]) -> None:
    """Anything else is refused at once."""
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(keys, os.urandom)


@pytest.mark.parametrize("cipher", Cipher)
def test_truncated_values_are_broken_not_crashes(cipher: Cipher) -> None:
    """Any shorter value is refused as broken."""
    sealer = sealing_by(OLD, cipher=cipher)
    for sealed in (sealer.seal(b"x", "p"), FirstLayoutSealer(OLD).seal(b"x", "p")):
        for length in range(len(sealed)):
            with pytest.raises(SealBroken):
                sealer.open(sealed[:length], "p")
