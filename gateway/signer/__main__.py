"""The signer itself: reads keys and wishes from stdin, writes signatures to stdout, and ends with the gateway.

It opens no file and no socket, and logs nothing: all that it knows are keys and what is signed with them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from adapters.signer import sign_rsa
from gateway.signer.frames import HEAD, SCHEMES, What, made_frame


def serve(coming: BinaryIO, going: BinaryIO) -> None:
    """Until nothing comes any more: the gateway has closed its end, or is gone."""
    keys: dict[int, RSAPrivateKey] = {}
    while len(head := coming.read(HEAD.size)) == HEAD.size:
        what, number, key, scheme, size = HEAD.unpack(head)
        content = coming.read(size)
        if len(content) < size:
            return
        match what:
            case What.KEY:
                loaded = load_der_private_key(content, password=None)
                assert isinstance(loaded, RSAPrivateKey)  # noqa: S101 - we were sent it by ourselves
                keys[key] = loaded
            case What.FORGET:
                del keys[key]
            case _:
                going.write(made_frame(number, sign_rsa(keys[key], SCHEMES[scheme], content)))
                going.flush()


if __name__ == "__main__":
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # meant for the gateway, which signs until its end
    os.closerange(3, 2**20)  # whatever of the gateway's came along: uvloop closes nothing
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
