"""Putting a bank channel together: settings and secrets in, a channel out."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable

from adapters.bank import wire
from adapters.bank.algorithms import KeyUnusable, SigningKey, VerifyingKey, load_private, load_public
from adapters.bank.channel import BankChannel
from adapters.bank.config import BankSettings, TlsSettings
from adapters.bank.exchange import SignedExchange
from adapters.bank.signing import PROFILES
from adapters.channel import Capabilities, ChannelContext, ChannelSettings
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.outcome import Absence
from gateway.domain.payout import Ground
from gateway.secret import Secret, SecretError

ADAPTER = "bank"
VERSION = "1"


def build(name: str, table: ChannelSettings, context: ChannelContext) -> BankChannel:
    """A channel from its settings table. Raises `SecretError` for key material that is missing or does not fit."""
    settings = BankSettings.model_validate(table)
    tls = tls_context(settings.tls, context.secret) if settings.tls else None
    exchange = SignedExchange(
        context.http(tls),
        PROFILES[settings.signature_profile],
        _signing_key(settings, context),
        _bank_keys(settings, context),
        context,
        tuple(settings.extra_headers.items()),
    )
    reading = wire.Reading(frozenset(settings.success_codes), settings.proprietary_reasons)
    return BankChannel(name, _capabilities(settings), _ground(settings), settings, exchange, context, reading)


def _capabilities(settings: BankSettings) -> Capabilities:
    return Capabilities(
        kinds=frozenset({BeneficiaryKind.BANK_ACCOUNT}),
        currencies=frozenset(settings.products),
        can_look_up=settings.has_lookup,
        can_cancel=True,
        notifies=True,
    )


def _ground(settings: BankSettings) -> Ground:
    """What attempts are pinned to. "No such order" proves nothing here: see the README."""
    return Ground(
        adapter=ADAPTER,
        adapter_version=VERSION,
        base_address=settings.base_url,
        account_id=settings.payer.account,
        key_ids=(settings.signing_key.keyid, *sorted(settings.bank_keys)),
        duplicate_mode=settings.duplicate_mode,
        absence=Absence.NEVER,
        repeat_window_s=settings.repeat_window_s,
    )


def _signing_key(settings: BankSettings, context: ChannelContext) -> SigningKey:
    ours = settings.signing_key
    secret = context.secret(ours.key)
    try:
        return SigningKey(ours.keyid, ours.algorithm, load_private(secret.reveal(), ours.algorithm))
    except KeyUnusable as error:
        raise SecretError(f"{ours.key}: {error}") from error


def _bank_keys(settings: BankSettings, context: ChannelContext) -> dict[str, VerifyingKey]:
    found = {}
    for keyid, theirs in settings.bank_keys.items():
        algorithms = frozenset({theirs.algorithm})
        try:
            public = load_public(context.secret(theirs.public_key).reveal(), algorithms)
        except KeyUnusable as error:
            raise SecretError(f"{theirs.public_key}: {error}") from error
        found[keyid] = VerifyingKey(keyid, algorithms, public, theirs.not_before, theirs.not_after)
    return found


def tls_context(settings: TlsSettings, secret: Callable[[str], Secret]) -> ssl.SSLContext:
    """TLS 1.2 or later with our client certificate. Raises `SecretError`."""
    trusted = secret(settings.ca).text() if settings.ca else None
    certificate, key = secret(settings.client_certificate), secret(settings.client_key)
    try:
        context = ssl.create_default_context(cadata=trusted)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load_chain(context, certificate, key)
    except (ssl.SSLError, ValueError) as error:
        raise SecretError(f"{settings.client_certificate}, {settings.client_key}: not a usable pair") from error
    return context


def _load_chain(context: ssl.SSLContext, certificate: Secret, key: Secret) -> None:
    # The ssl module reads a chain from a file only, and a secret need not be one. Readable by us alone, gone at once.
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.reveal() + b"\n" + key.reveal() + b"\n")
        file.flush()
        context.load_cert_chain(file.name)
