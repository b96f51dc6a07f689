"""A secret that changes while config.toml does not is noticed, taken up whole or refused, and never told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.references import folders, mark
from gateway.domain.audit import Act
from gateway.operations.panel import Outcome
from gateway.reload import Reloader
from gateway.triggers import triggers
from tests.support.clock import settle
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S

FIRST, SECOND = "first-secret-of-at-least-32-bytes", "second-secret-of-at-least-32-bytes"
KEYED = FILE.replace(
    "[apps.demo]\n",
    """[channels.wechat]
adapter = "wechat"
currencies = ["CNY"]
methods = ["wechat"]
fees = [{ kind = "flat", currency = "CNY", amount = 100 }]
[channels.wechat.settings]
base_url = "http://127.0.0.1:9"
mchid = "1900000001"
appid = "wxtest0000000000a1"
merchant_serial_no = "3775B6A45ACD588826D15E583A95F5DD00000001"
merchant_private_key = "file:state/sandbox/wechat/merchant_key.pem"
apiv3_key = "file:state/sandbox/wechat/apiv3_key"
remark = "test"
[channels.wechat.settings.platform_keys]
PUB_KEY_ID_0119000000012025010100000000000001 = "file:state/sandbox/wechat/platform_public_key.pem"
[channels.wechat.settings.scene]
id = "1005"
report_infos = [
  { info_type = "岗位类型", info_content = "外卖员" },
  { info_type = "报酬说明", info_content = "配送费" },
]
[apps.demo]
keys = [{ id = "demo-1", algorithm = "hmac-sha256", secret = "file:secrets/demo" }]
callbacks = [{ url = "http://127.0.0.1:9/callbacks", secret = "file:secrets/callback" }]
""",
)


def keep(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o600)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveGateway]:
    keep(tmp_path, "secrets/demo", FIRST)
    keep(tmp_path, "secrets/callback", "whsec_" + "a" * 44)
    async with live_gateway(tmp_path, KEYED) as opened:
        yield opened


def app_key(live: LiveGateway) -> str:
    """What is in force."""
    record = live.gateway.in_force.snapshot.keys.find("demo-1")
    assert record is not None
    return record.material.decode()


async def test_a_rotated_secret_of_an_app(live: LiveGateway) -> None:
    """Another reload's worth, in the audit by its name; nothing is told of what it was or is."""
    keep(live.folder, "secrets/demo", SECOND)
    done = await live.gateway.reloader.reload("signal")
    assert (done.outcome, done.changes) == (Outcome.RELOADED, ("apps.demo.keys.demo-1: another secret",))
    assert app_key(live) == SECOND
    (line,) = await live.gateway.services.store.read(lambda tx: tx.audit(0, 9))
    assert (line.deed.act, line.deed.detail["changes"]) == (Act.CONFIG_TAKEN_UP, done.changes[0])
    assert (await live.gateway.reloader.reload("signal")).outcome is Outcome.UNCHANGED


async def test_a_rotated_secret_of_an_endpoint(live: LiveGateway) -> None:
    """Callbacks are signed with the new one."""
    keep(live.folder, "secrets/callback", "whsec_" + "b" * 44)
    done = await live.gateway.reloader.reload("signal")
    assert done.changes == ("apps.demo.callbacks: another secret",)
    (endpoint,) = live.gateway.services.endpoints["demo"]
    assert endpoint.secrets[0].text() == "whsec_" + "b" * 44


async def test_a_rotated_secret_of_a_channel(live: LiveGateway) -> None:
    """Its connection is made anew, behind the same guard; the other channels keep theirs."""
    before = dict(live.gateway.services.channels)
    keep(live.folder, "state/sandbox/wechat/apiv3_key", "k" * 32)
    done = await live.gateway.reloader.reload("signal")
    assert done.changes == ("channels.wechat: another secret",)
    after = live.gateway.services.channels
    assert after["wechat"].channel is not before["wechat"].channel
    assert after["wechat"].guard is before["wechat"].guard
    assert after["alpha"] is before["alpha"]


async def test_a_look_takes_it_up_once(live: LiveGateway) -> None:
    """Only what stands otherwise than at the last try is tried."""
    reloader, tried = live.gateway.reloader, live.gateway.reloads
    await reloader.look()
    keep(live.folder, "secrets/demo", SECOND)
    await reloader.look()
    assert app_key(live) == SECOND
    tried_at = tried.state.tried_at
    await reloader.look()
    assert tried.state.tried_at == tried_at


async def test_one_that_cannot_be_used_changes_nothing(live: LiveGateway) -> None:
    """Refused at the line that names it, once; and mended without a touch of config.toml, even by its mode alone."""
    await live.gateway.reloader.look()
    keep(live.folder, "secrets/demo", SECOND)
    (live.folder / "secrets/demo").chmod(0o644)
    await live.gateway.reloader.look()
    state = live.gateway.reloads.state
    assert not state.ok
    assert "apps.demo.keys.0.secret" in state.faults[0]
    assert app_key(live) == FIRST
    await live.gateway.reloader.look()
    assert live.gateway.reloads.state is state
    (live.folder / "secrets/demo").chmod(0o600)
    await live.gateway.reloader.look()
    assert live.gateway.reloads.state.ok
    assert app_key(live) == SECOND


async def test_the_gateways_own_key_needs_a_restart(live: LiveGateway) -> None:
    """By name: another identity key would pay what was paid."""
    (live.folder / "state/keys/identity_key").write_text("ab" * 32)
    with pytest.raises(ConfigError, match=r"gateway\.identity_key: another key takes effect at a restart only"):
        await live.gateway.reloader.reload("signal")


async def test_a_secret_that_a_refused_file_waits_for(live: LiveGateway) -> None:
    """The file names one that is not there yet; when it is, the file is tried again by itself."""
    live.write(KEYED.replace("file:secrets/demo", "file:later/demo"))
    await live.gateway.reloader.look()
    assert not live.gateway.reloads.state.ok
    keep(live.folder, "later/demo", SECOND)
    await live.gateway.reloader.look()
    assert app_key(live) == SECOND
    assert live.folder / "later" in live.gateway.reloader.folders()


async def test_a_mounted_folder_of_secrets_is_swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Kubernetes does: another folder than config.toml's, and nothing that happens bears a secret's name."""
    mount = tmp_path / "secrets"
    for version, text in (("..1", FIRST), ("..2", SECOND)):
        keep(mount, f"{version}/demo", text)
        keep(mount, f"{version}/callback", "whsec_" + "a" * 44)
    (mount / "..data").symlink_to("..1")
    for name in ("demo", "callback"):
        (mount / name).symlink_to(f"..data/{name}")
    looked, look = asyncio.Event(), Reloader.look

    async def told(reloader: Reloader) -> None:
        await look(reloader)
        looked.set()

    monkeypatch.setattr(Reloader, "look", told)
    async with live_gateway(tmp_path, KEYED) as live, triggers(live.gateway.reloader):
        await settle()
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").replace(mount / "..data")
        async with asyncio.timeout(PATIENCE_S):
            while app_key(live) != SECOND:
                await looked.wait()
                looked.clear()


async def test_what_is_watched(live: LiveGateway) -> None:
    """The folders of config.toml and of every file that it names, those that are there; each file counts."""
    config = live.gateway.config
    assert folders(config) == {live.folder, live.folder / "secrets", live.folder / "state/sandbox/wechat"}
    for name in ("config.toml", "secrets/demo", "secrets/callback", "state/sandbox/wechat/platform_public_key.pem"):
        before = mark(config)
        assert mark(config) == before
        path = live.folder / name
        path.write_text(path.read_text() + "\n")
        assert mark(config) != before
