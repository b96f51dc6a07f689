"""What every world of one run stands on: configuration, keys, an empty migrated database. Made once a process.

The configuration is a config.toml like any other, read by the gateway's own loader; its keys are minted by the
sandboxes' own minting. Both lie in a folder that the command makes and all its processes share.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Engine

from adapters.bank.algorithms import Algorithm, SigningKey, VerifyingKey, load_private
from adapters.bank.sandbox import keys as bank_keys
from adapters.bank.sandbox.keys import BankKeys
from adapters.bank.signing import PROFILES, SignatureProfile
from adapters.wechat.sandbox import minting
from adapters.wechat.sandbox.minting import PlatformPair, SandboxKeys
from gateway.callbacks.endpoint import Endpoint, endpoint_id
from gateway.config.config import Config
from gateway.config.load import load
from gateway.config.resolve import ResolvedSecrets
from gateway.secret import Secret
from gateway.simulation.mac_keys import MacEc, MacRsa
from gateway.simulation.mac_profile import MacProfile
from gateway.store.engine import writer_engine
from gateway.store.migrate import stamp_mode, upgrade

APPS = ("shop", "gig", "refund")
CHANNELS = ("wechat", "bank", "giro", "mock")
"""As in config.toml beside this file."""


ENDS = frozenset({"payout.paid", "payout.failed", "payout.canceled", "payout.returned", "payout.disputed"})
"""What the apps want to hear; the first one wants to hear everything."""


def prepare(folder: Path) -> None:
    """Put configuration and keys into `folder`."""
    minting.mint(folder / "wechat")
    bank_keys.mint(folder / "bank")
    shutil.copyfile(Path(__file__).with_name("config.toml"), folder / "config.toml")


@dataclass(frozen=True, slots=True)
class WechatKeys:
    """Both halves of what merchant and service sign with."""

    merchant: Any
    """The merchant's private key."""
    service: SandboxKeys


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Our half of what we and a bank sign with."""

    ours: SigningKey
    theirs: dict[str, VerifyingKey]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one kind of crypto, loaded once: reading an RSA key costs more than an order."""

    wechat: WechatKeys
    bank: BankKeys
    client: ClientKeys
    profile: SignatureProfile
    """How banks and we sign."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a world needs that is the same in every world."""

    config: Config
    secrets: ResolvedSecrets
    image: bytes
    """An empty database at the present schema."""


@cache
def stage(folder: Path) -> Stage:
    """Read what `prepare` made."""
    return Stage(load(folder / "config.toml", {}), _secrets(), _image())


@cache
def keys(folder: Path, *, real: bool) -> Keys:
    """The real keys that were minted, or MAC keys in their place."""
    bank = bank_keys.load(folder / "bank")
    merchant: Any = MacRsa("merchant")
    client: Any = MacEc("client")
    if real:
        service = minting.load(folder / "wechat")
        merchant = load_pem_private_key((folder / "wechat" / "merchant_key.pem").read_bytes(), None)
        client = load_private((folder / "bank" / "client_key.pem").read_bytes(), Algorithm.ECDSA_P256_SHA256)
    else:
        pair = PlatformPair(minting.PUBLIC_KEY_ID, MacRsa("platform"))
        other = PlatformPair(minting.CERTIFICATE_SERIALS["a"], MacRsa("certificate"))
        apiv3_key = (folder / "wechat" / "apiv3_key").read_bytes()
        service = SandboxKeys(merchant.public_key(), apiv3_key, pair, (other,))
        bank = _mac_bank(bank, client)
    ours = SigningKey(bank.client.keyid, Algorithm.ECDSA_P256_SHA256, client)
    theirs = {
        keyid: VerifyingKey(keyid, frozenset({key.algorithm}), key.private.public_key())
        for keyid, key in bank.signing.items()
    }
    profile = PROFILES["rfc9421"] if real else MacProfile()
    return Keys(WechatKeys(merchant, service), bank, ClientKeys(ours, theirs), profile)


def _mac_bank(real: BankKeys, client: MacEc) -> BankKeys:
    signing = {keyid: SigningKey(keyid, key.algorithm, MacEc(keyid)) for keyid, key in real.signing.items()}
    known = VerifyingKey(real.client.keyid, real.client.algorithms, client.public_key())
    return BankKeys(signing, known, real.client_fingerprint)


def callback_secret(app: str) -> str:
    return "whsec_" + hashlib.sha256(app.encode()).hexdigest()[:40]


def _secrets() -> ResolvedSecrets:
    """The gateway's own secrets, the same in every run: ids are derived from them."""
    endpoints = {}
    for app in APPS:
        url, secret = f"http://127.0.0.1:8090/{app}", Secret(callback_secret(app).encode())
        events = frozenset[str]() if app == APPS[0] else ENDS
        endpoints[app] = (Endpoint(endpoint_id(app, url), app, url, (secret,), events=events),)
    made = [Secret(hashlib.sha256(name.encode()).digest()) for name in ("sealing", "identity", "fingerprint")]
    return ResolvedSecrets(made[0], made[1], made[2], {}, {}, endpoints)


def _image() -> bytes:
    engine = writer_engine(None)
    upgrade(engine)
    stamp_mode(engine, "sandbox")
    image = bytes(raw(engine).serialize())
    engine.dispose()
    return image


def raw(engine: Engine) -> Any:
    """The sqlite3 connection under an engine of one connection."""
    return engine.raw_connection().dbapi_connection
