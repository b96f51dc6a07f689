"""Transfer scenes and what they must be given (sheet section 7.6).

Facts about the service, used to refuse a wrong configuration early and by the sandbox. A scene that is not listed is
not wrong: the list grows, and which ones a merchant has is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """`info_types` must each be reported exactly once; empty `perceptions`: only the scene's default is known."""

    info_types: tuple[str, ...]
    perceptions: tuple[str, ...]


SCENES: Mapping[str, Scene] = {
    "1000": Scene(("活动名称", "奖励说明"), ("活动奖励", "现金奖励")),
    "1002": Scene(("补贴类型",), ("行政补贴", "行政奖励")),
    "1004": Scene(("保险产品备案编号", "保险名称", "保险操作单号"), ("保险理赔款",)),
    "1005": Scene(("岗位类型", "报酬说明"), ("劳务报酬", "报销款", "企业补贴", "开工利是")),
    "1009": Scene(("采购商品名称",), ()),
    "1010": Scene(("回收商品名称",), ("二手回收货款",)),
    "1011": Scene(("赔付原因",), ("退款", "商家赔付")),
    "1013": Scene(("公益活动名称", "公益活动备案编号"), ()),
}


def info_types_fault(scene_id: str, info_types: list[str]) -> str | None:
    """What is wrong with the reported types of a scene, in words; None when nothing is, or the scene is not listed."""
    scene = SCENES.get(scene_id)
    if scene is None or sorted(info_types) == sorted(scene.info_types):
        return None
    return f"scene {scene_id} wants each of {', '.join(scene.info_types)} exactly once"


def perception_fault(scene_id: str, perception: str | None) -> str | None:
    """What is wrong with a perception of a scene, in words."""
    scene = SCENES.get(scene_id)
    if perception is None or scene is None or perception in scene.perceptions:
        return None
    return f"scene {scene_id} has no perception {perception!r}"
