"""What goes over the pipes between the gateway and its signer. Both run the same code of the same version.

In: a number for the key (of each new key its PKCS #8 DER, once) or for a signature to be made. Out: a signature, with
its number. Each frame is a head of fixed length and as many bytes as it says.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from adapters.signer import Scheme

HEAD = struct.Struct(">BIIBI")
"""What, the number of the signature (0 for a key), the number of the key, the scheme, how many bytes follow."""
MADE = struct.Struct(">IH")
"""The number of the signature, how many bytes follow."""
SCHEMES = tuple(Scheme)


class What(IntEnum):
    """Of a frame in."""

    KEY = 1
    SIGN = 2
    FORGET = 3
    """A key."""


def key_frame(key: int, der: bytes) -> bytes:
    """A key, before its first signature."""
    return HEAD.pack(What.KEY, 0, key, 0, len(der)) + der


def sign_frame(number: int, key: int, scheme: Scheme, data: bytes) -> bytes:
    """A wish for a signature."""
    return HEAD.pack(What.SIGN, number, key, SCHEMES.index(scheme), len(data)) + data


def forget_frame(key: int) -> bytes:
    """No more of this key."""
    return HEAD.pack(What.FORGET, 0, key, 0, 0)


def made_frame(number: int, signature: bytes) -> bytes:
    """A signature."""
    return MADE.pack(number, len(signature)) + signature
