"""WeChat transfers as the conformance kit sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.conformance.world import DOCUMENTED, ChannelUnderTest
from adapters.magic import Fate
from adapters.wechat import SPEC
from adapters.wechat.sandbox import minting
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import RejectReason


def _table(keys: Path, url: str) -> dict[str, object]:
    return {
        "base_url": url,
        "mchid": minting.MCHID,
        "appid": minting.APPID,
        "merchant_serial_no": minting.MERCHANT_SERIAL_NO,
        "merchant_private_key": f"file:{keys.name}/merchant_key.pem",
        "apiv3_key": f"file:{keys.name}/apiv3_key",
        "platform_keys": {minting.PUBLIC_KEY_ID: f"file:{keys.name}/platform_public_key.pem"},
        "scene": {
            "id": "1005",
            "report_infos": [
                {"info_type": "岗位类型", "info_content": "外卖员"},
                {"info_type": "报酬说明", "info_content": "配送费"},
            ],
        },
        "remark": "提现",
        "not_enough_pause_s": 2.0,
    }


SUBJECT = ChannelUnderTest(
    spec=SPEC,
    table=_table,
    signature_headers=("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial"),
    fates={
        **DOCUMENTED,
        # The service has no word for a closed account, and none for money that came back: only its bill shows that.
        Fate.ACCOUNT_CLOSED: replace(DOCUMENTED[Fate.ACCOUNT_CLOSED], reason=RejectReason.PAYEE_ACCOUNT_INVALID),
        Fate.PAID_THEN_RETURNED: replace(DOCUMENTED[Fate.PAID_THEN_RETURNED], state=AttemptState.SUCCEEDED),
        # NOT_ENOUGH is not a refusal here: the same order again, once somebody has topped up.
        Fate.BALANCE_LOW: replace(DOCUMENTED[Fate.USUAL], transmissions=3, unknown_first=True),
    },
)
