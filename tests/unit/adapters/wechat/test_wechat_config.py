"""The settings table: typos, missing keys and test identities are found at start."""

from __future__ import annotations

import httpx
import pytest
from pydantic import ValidationError

from adapters.wechat import SPEC
from adapters.wechat.config import WechatSettings, live_faults
from gateway.secret import SecretError
from tests.support import wechat

NOWHERE = httpx.MockTransport(lambda _request: httpx.Response(500))


def settings(**changes: object) -> WechatSettings:
    return WechatSettings.model_validate({**wechat.SETTINGS, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"unheard_of": 1},
        {"platform_keys": {}},
        {"platform_keys": {"not a key id": "file:public_key"}},
        {"platform_keys": {"0A": "file:a", "a": "file:b"}},
        {"encrypt_to": "PUB_KEY_ID_9"},
        {"merchant_private_key": "-----BEGIN PRIVATE KEY-----"},
        {"apiv3_key": "throwaway-test-apiv3-key-32bytes"},
        {"base_url": "ftp://a.example"},
        {"base_url": "https://a.example/path"},
        {"mchid": "x"},
        {"remark": ""},
        {"remark": "x" * 33},
        {"remark": "😀"},
        {"scene": {"id": "1000", "report_infos": []}},
        {"scene": {"id": "1000", "report_infos": [{"info_type": "活动名称", "info_content": "x"}]}},
        {"scene": wechat.SCENE | {"perception": "劳务报酬"}},
        {"scene": wechat.SCENE | {"extra": 1}},
        {"confirm_deadline_s": 0},
        {"confirm_deadline_s": 86_401},
        {"certificates": "yes"},
    ],
)
def test_a_wrong_table_is_refused(changes: dict[str, object]) -> None:
    """Unknown keys, plain secrets, limits of the service, a scene without its report fields."""
    with pytest.raises(ValidationError):
        settings(**changes)


def test_an_unlisted_scene_is_checked_for_lengths_only() -> None:
    """The service's list grows."""
    infos = [{"info_type": "x", "info_content": "y"}]
    assert settings(scene={"id": "9999", "perception": "z", "report_infos": infos}).scene.id == "9999"


def test_keys_in_use_may_be_given_in_every_mode() -> None:
    """Public key, certificates only, both at once; a public key is preferred, and encrypt_to decides."""
    both = {wechat.SERIAL_A: "file:certificate_a", wechat.PUBLIC_KEY_ID: "file:public_key"}
    assert settings().preferred_key == wechat.PUBLIC_KEY_ID
    assert settings(platform_keys={}, certificates=True).preferred_key is None
    assert settings(platform_keys=both).preferred_key == wechat.PUBLIC_KEY_ID
    assert settings(platform_keys=both, encrypt_to=wechat.SERIAL_A).preferred_key == wechat.SERIAL_A


def test_the_sandboxs_identities_and_plain_http_are_kept_out_of_live_mode() -> None:
    """Each fault is named; an honest live table has none."""
    live = settings(mchid="1600000000", appid="wx0123456789abcdef")
    assert live_faults(live) == []
    faults = SPEC.live_faults(settings(base_url="http://127.0.0.1:1"))
    assert len(faults) == 3
    assert any("https" in fault for fault in faults)


@pytest.mark.parametrize(
    "changes",
    [
        {"apiv3_key": "file:merchant"},
        {"merchant_private_key": "file:apiv3"},
        {"merchant_private_key": "file:public_key"},
        {"merchant_private_key": "file:nowhere"},
        {"platform_keys": {wechat.PUBLIC_KEY_ID: "file:apiv3"}},
        {"platform_keys": {wechat.SERIAL_A: "file:certificate_b"}},
        {"tls_ca": "file:apiv3"},
    ],
)
def test_a_secret_that_is_no_key_stops_the_start_without_showing_itself(changes: dict[str, object]) -> None:
    """Its text names the reference, never the content."""
    with pytest.raises(SecretError) as refused:
        wechat.make_channel(wechat.context(NOWHERE), **changes)
    assert "throwaway-test-apiv3" not in str(refused.value)
    assert "BEGIN" not in str(refused.value)
