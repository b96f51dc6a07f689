"""A signature may be begun here and come from elsewhere: the headers are the same in the end."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from adapters.signer import HERE, Headers, Heading, Scheme, heading, sign_rsa
from tests.support.signer import Slow


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def test_each_scheme_is_what_its_name_says(key: RSAPrivateKey) -> None:
    """Another implementation's verification takes them: wrong padding or digest would raise."""
    public, data = key.public_key(), b"what is signed"
    public.verify(sign_rsa(key, Scheme.V1_5_SHA256, data), data, PKCS1v15(), SHA256())
    public.verify(sign_rsa(key, Scheme.PSS_SHA512, data), data, PSS(MGF1(SHA512()), 64), SHA512())


def shown(signature: bytes) -> Headers:
    return (("Signature", signature.hex()),)


async def test_headers_are_whole_at_once_or_later(key: RSAPrivateKey) -> None:
    """Signed here they need no waiting; elsewhere, those that are ready are there, and the same come out in the end."""
    ready: Headers = (("Accept", "application/json"),)
    here = heading(ready, HERE.begin(key, Scheme.V1_5_SHA256, b"x"), shown)
    assert here == Heading((*ready, *shown(sign_rsa(key, Scheme.V1_5_SHA256, b"x"))))
    elsewhere = heading(ready, Slow().begin(key, Scheme.V1_5_SHA256, b"x"), shown)
    assert elsewhere.ready == ready
    assert await elsewhere.whole() == await here.whole() == here.ready
