"""A decision in words, English or Chinese, for people who must answer "why this channel?"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from routing.candidate import BEHIND, UNPLACED, Candidate
from routing.change import Change, Fact, what_would_change
from routing.decision import Decision
from routing.eligibility import Refusal, RefusalCode


class Language(StrEnum):
    """The languages that are spoken."""

    ENGLISH = "en"
    CHINESE = "zh"


_R = RefusalCode

REFUSED: dict[RefusalCode, tuple[str, str]] = {
    _R.STATE_DISABLED: ("is switched off", "已停用"),
    _R.STATE_DRAINING: ("takes no new payouts", "正在排空，不再接收新付款"),
    _R.CURRENCY: ("does not pay this currency", "不支持该币种"),
    _R.BENEFICIARY_KIND: ("does not pay to this kind of account", "不支持该类收款账户"),
    _R.AMOUNT_BELOW_MIN: ("does not take so small an amount", "金额低于渠道下限"),
    _R.AMOUNT_ABOVE_MAX: ("does not take so large an amount", "金额高于渠道上限"),
    _R.NO_FEE_RULE: ("has no price for this payout", "没有适用的费率"),
    _R.ALREADY_TRIED: ("has already refused this payout", "已拒绝过这笔付款"),
    _R.BREAKER_OPEN: ("failed too often just now and is given a rest", "近期失败过多，已熔断"),
    _R.IN_FLIGHT_FULL: ("has as many payouts under way as it may", "在途付款已达上限"),
    _R.RATE_LIMITED: ("has been given as many payouts a second as it takes", "已达每秒限速"),
    _R.UNSENDABLE: ("cannot express this payout", "无法按渠道格式提交该付款"),
    _R.NOT_READY: ("is not ready at the moment", "暂未就绪"),
    _R.STOPPED: ("was stopped: a person must look at it first", "已停止，须人工检查"),
    _R.DAILY_LIMIT: ("has reached its limit of today", "已达当日限额"),
    _R.MONTHLY_LIMIT: ("has reached its limit of this month", "已达当月限额"),
    _R.BALANCE_LOW: ("has too little money on its account", "账户余额不足"),
    _R.MAINTENANCE: ("is in planned maintenance", "处于计划维护时段"),
    _R.RULE: ("is excluded by an explicit rule", "被路由规则排除"),
    _R.NOT_ALLOWED: ("is one that the app keeps this payout from", "应用不允许这笔付款使用该渠道"),
    _R.NOT_QUOTED: ("is not in the quote that the app holds", "不在应用持有的报价之内"),
    _R.DEARER: ("costs more than waiting for a cheaper channel", "比等待更便宜的渠道更贵"),
}
"""A refusal for people, after the channel's name."""

_TEXT: dict[str, tuple[str, str]] = {
    "chosen": ("{channel} was chosen: {why}.", "选择了 {channel}：{why}。"),
    "cost": ("it has the lowest expected cost, {cost}", "其预期总成本最低，为 {cost}"),
    "only": ("no other channel can carry the payout now", "目前没有其他渠道可以承接这笔付款"),
    "rule": ("the rule {rule} puts it first", "规则 {rule} 将其排在首位"),
    "quote": ("it comes first in the quote that the app holds", "它在应用持有的报价中排在首位"),
    "domain": (
        "the cheaper ones share a failure domain with a channel that refused it",
        "更便宜的渠道与已拒绝的渠道属于同一故障域",
    ),
    "weight": (
        "the cheaper ones leave this payout to others, as their weight is",
        "更便宜的渠道按其权重把这笔付款让给了其他渠道",
    ),
    "last": (
        "its breaker is open, but there is no other channel and part of the payouts get through",
        "其熔断器已打开，但没有其他渠道，且仍有部分付款成功",
    ),
    "row": (
        "{number}. {channel}: {cost} = fee {fee} + waiting {time} + risk of failure {risk}; {facts}",
        "{number}. {channel}：{cost} = 手续费 {fee} + 等待 {time} + 失败风险 {risk}；{facts}",
    ),
    "facts": (
        "usual time {seconds} s, chance of success {p} ({belief})",
        "通常耗时 {seconds} 秒，成功概率 {p}（{belief}）",
    ),
    "drawn": (
        "drawn around {mean}, from {strength} outcomes' worth of evidence",
        "按均值 {mean}、约 {strength} 笔证据抽取",
    ),
    "mean": ("{strength} outcomes' worth of evidence", "约 {strength} 笔证据"),
    "preference": (
        "Waiting and failing were weighed by the preference {name}.",
        "等待与失败的代价按偏好 {name} 计算。",
    ),
    "time_over": (
        "Its time was over: any channel would do, however dear.",
        "付款期限已到：任何可用渠道均可，不论费用。",
    ),
    "refused": ("{channel} {why} ({detail}).", "{channel} {why}（{detail}）。"),
    "refused_bare": ("{channel} {why}.", "{channel} {why}。"),
    "wait": ("No channel can carry it now; it waits for one.", "目前没有可用渠道，付款将等待。"),
    "none": ("No channel can carry it, and waiting would not help.", "没有渠道可以承接，等待也无济于事。"),
    "fee_down": ("with a fee lower by {by} ({after} instead of {before})", "手续费降低 {by}（{before} 变为 {after}）"),
    "fee_up": ("with a fee higher by {by} ({after} instead of {before})", "手续费提高 {by}（{before} 变为 {after}）"),
    "chance_up": (
        "with a chance higher by {by} ({after} instead of {before})",
        "成功概率提高 {by}（{before} 变为 {after}）",
    ),
    "chance_down": (
        "with a chance lower by {by} ({after} instead of {before})",
        "成功概率降低 {by}（{before} 变为 {after}）",
    ),
    "time_down": (
        "with a time shorter by {by} ({after} instead of {before})",
        "耗时缩短 {by}（{before} 变为 {after}）",
    ),
    "time_up": ("with a time longer by {by} ({after} instead of {before})", "耗时延长 {by}（{before} 变为 {after}）"),
    "change": ("{channel} {how}: then {rival} would have been chosen.", "若 {channel} {how}，则会选择 {rival}。"),
    "fixed": (
        "No single fee, chance or time would have changed it: a rule, quote or failure domain stands above the cost.",
        "任何单项手续费、概率或耗时的变化都不会改变结果：规则、报价或故障域优先于成本。",
    ),
}


@dataclass(frozen=True, slots=True)
class Voice:
    """How to speak: the language, and the currency with its fraction digits (none: minor units)."""

    language: Language = Language.ENGLISH
    currency: str = ""
    exponent: int = 0

    def say(self, key: str, **parts: object) -> str:
        return self.pick(_TEXT[key]).format(**parts)

    def pick(self, both: tuple[str, str]) -> str:
        return both[self.language is Language.CHINESE]

    def money(self, minor: float) -> str:
        """A sum; expected costs are told two digits finer than money is paid."""
        digits = self.exponent if minor == int(minor) else self.exponent + 2
        return f"{minor / 10**self.exponent:.{digits}f}{' ' + self.currency if self.currency else ''}"


def explain(decision: Decision, voice: Voice = Voice()) -> list[str]:
    """Line by line: the choice, every channel's cost in parts, every refusal, what would have changed it."""
    lines = [_choice(decision, voice)]
    if decision.last:
        lines.append(voice.say("time_over"))
    if decision.preference and decision.ranked:
        lines.append(voice.say("preference", name=decision.preference))
    lines += [_row(decision, place, candidate, voice) for place, candidate in enumerate(decision.ranked, start=1)]
    lines += [_refusal(refusal, voice) for refusal in decision.refused]
    if len(decision.ranked) > 1:
        changes = what_would_change(decision)
        lines += [_changed(decision, change, voice) for change in changes] or [voice.say("fixed")]
    return lines


def _choice(decision: Decision, voice: Voice) -> str:
    if not decision.ranked:
        return voice.say("wait" if decision.waitable else "none")
    first = decision.ranked[0]
    return voice.say("chosen", channel=first.channel, why=_why(decision, first, voice))


def _why(decision: Decision, first: Candidate, voice: Voice) -> str:
    others = decision.ranked[1:]
    if first.last_resort:
        return voice.say("last")
    if not others:
        return voice.say("only")
    if decision.quoted:
        return voice.say("quote")
    if first.place < UNPLACED and any(other.place > first.place for other in others) and decision.rule:
        return voice.say("rule", rule=decision.rule)
    if any(other.cost < first.cost and other.fell_together for other in others):
        return voice.say("domain")
    if any(other.cost < first.cost and other.place == BEHIND for other in others):
        return voice.say("weight")
    return voice.say("cost", cost=voice.money(first.cost))


def _row(decision: Decision, number: int, candidate: Candidate, voice: Voice) -> str:
    belief = voice.say(
        "drawn" if decision.drawn else "mean", mean=_percent(candidate.mean), strength=f"{candidate.strength:.0f}"
    )
    return voice.say(
        "row",
        number=number,
        channel=candidate.channel,
        cost=voice.money(candidate.cost),
        fee=voice.money(candidate.fee_minor),
        time=voice.money(candidate.time_minor(decision.worth)),
        risk=voice.money(candidate.risk_minor(decision.worth)),
        facts=voice.say("facts", seconds=f"{candidate.usual_s:g}", p=_percent(candidate.p), belief=belief),
    )


def _refusal(refusal: Refusal, voice: Voice) -> str:
    key = "refused" if refusal.detail else "refused_bare"
    return voice.say(key, channel=refusal.channel, why=voice.pick(REFUSED[refusal.code]), detail=refusal.detail)


def _changed(decision: Decision, change: Change, voice: Voice) -> str:
    way = "up" if change.after > change.before else "down"
    show = {Fact.FEE: voice.money, Fact.CHANCE: _percent, Fact.TIME: _seconds}[change.fact]
    by, after, before = show(abs(change.after - change.before)), show(change.after), show(change.before)
    how = voice.say(f"{change.fact}_{way}", by=by, after=after, before=before)
    return voice.say("change", channel=change.channel, how=how, rival=decision.ranked[1].channel)


def _percent(chance: float) -> str:
    return f"{chance * 100:.2f} %"


def _seconds(time_s: float) -> str:
    return f"{time_s:g} s"
