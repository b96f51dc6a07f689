"""From settings and secrets to the parts of a channel."""

from __future__ import annotations

import ssl

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.channel import ChannelContext
from adapters.signer import RSA_MIN_BITS
from adapters.wechat.cipher import APIV3_KEY_BYTES
from adapters.wechat.client import Client
from adapters.wechat.config import WechatSettings
from adapters.wechat.keys import BadKey, PlatformKeys, read_key
from adapters.wechat.orders import Form
from adapters.wechat.signing import Merchant
from gateway.secret import Secret, SecretError


def make_client(settings: WechatSettings, context: ChannelContext) -> Client:
    """Raises `SecretError`, without the secret in its text."""
    apiv3_key = context.secret(settings.apiv3_key)
    if len(apiv3_key.reveal()) != APIV3_KEY_BYTES:
        raise SecretError(f"{settings.apiv3_key}: an APIv3 key has {APIV3_KEY_BYTES} bytes")
    return Client(
        http=context.http(_tls(settings, context)),
        merchant=Merchant(
            settings.mchid, settings.merchant_serial_no, _private_key(context.secret(settings.merchant_private_key))
        ),
        keys=_platform_keys(settings, context),
        apiv3_key=apiv3_key.reveal(),
        clock=context.clock,
        random_bytes=context.random_bytes,
        base_url=settings.base_url,
        backup_base_url=settings.backup_base_url,
        fetches_certificates=settings.certificates,
        refresh_s=settings.certificate_refresh_s,
        signer=context.signer,
    )


def make_form(settings: WechatSettings, notify_url: str) -> Form:
    scene = settings.scene
    return Form(
        appid=settings.appid,
        scene_id=scene.id,
        perception=scene.perception,
        report_infos=tuple((info.info_type, info.info_content) for info in scene.report_infos),
        remark=settings.remark,
        notify_url=notify_url,
    )


def _tls(settings: WechatSettings, context: ChannelContext) -> ssl.SSLContext | None:
    if settings.tls_ca is None:
        return None
    pem = context.secret(settings.tls_ca)
    try:
        return ssl.create_default_context(cadata=pem.text())
    except (ssl.SSLError, ValueError) as error:
        raise SecretError(f"{pem.source}: not a PEM certificate") from error


def _private_key(secret: Secret) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(secret.reveal(), password=None)
    except (ValueError, TypeError) as error:
        raise SecretError(f"{secret.source}: not an unencrypted PEM private key") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_MIN_BITS:
        raise SecretError(f"{secret.source}: not an RSA key of {RSA_MIN_BITS} bits or more")
    return key


def _platform_keys(settings: WechatSettings, context: ChannelContext) -> PlatformKeys:
    try:
        configured = [
            read_key(key_id, context.secret(reference).reveal()) for key_id, reference in settings.platform_keys.items()
        ]
    except BadKey as error:
        raise SecretError(str(error)) from error
    return PlatformKeys(configured, settings.preferred_key)
