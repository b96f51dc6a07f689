"""Draw docs/reasons.md from the two closed lists of reasons.

python docs/draw_reasons.py            writes it
python docs/draw_reasons.py --check    exit code 1 when it is not what the code says
"""

from __future__ import annotations

import sys

from drawing import code, table, write_or_check

from gateway.domain.reasons import (
    REJECT_REASONS,
    REMEDIES,
    STATUS_REASONS,
    OtherChannel,
    RejectReason,
    Remedy,
    Source,
    StatusCode,
)

OPENING = """\
# Reasons

Drawn from `gateway/domain/reasons.py` by `docs/draw_reasons.py`. Change the tables there and run the script; a test
compares.

Adapters translate their channel's codes into the *reject reasons*; apps are told *status reasons*. One table connects
them. The channel's own code is kept beside both, as `channel_code`.
"""

SOURCE_MEANS = {
    Source.BENEFICIARY: "The beneficiary, or what the app told us of them.",
    Source.BENEFICIARY_BANK: "The bank that was to receive it.",
    Source.CHANNEL: "The channel, or our account on it.",
    Source.GATEWAY: "We.",
    Source.RISK: "The people who reviewed it.",
    Source.APP: "The app's own wish.",
}

RULE_MEANS = {
    OtherChannel.YES: "Yes. The channel is at fault or at its limit, not the payee.",
    OtherChannel.NO: "No. It would fail everywhere, or must not be tried again.",
    OtherChannel.OTHER_INSTRUMENT: "Only another kind of account could help; a payout names one, so it ends.",
    OtherChannel.SAME_ORDER: "No: the same order again later is the answer. As a final refusal it ends the payout.",
    OtherChannel.OPERATOR: "No: a key or clock of ours must be mended first. As a final refusal it ends the payout.",
    OtherChannel.POLICY: "Only when `[routing] failover_also_on` lists the reason.",
    OtherChannel.NEVER: "Never: an earlier order exists.",
}

NOT_AN_END = """\
`outcome_unknown` is not an end: the payout is `processing`, and the channel is being asked. It must not be ordered
again under another reference.
"""

WHATEVER_THE_RULE = """\
Whatever the rule, another channel is tried only after the attempt is proved rejected, at most `[routing] max_attempts`
channels hear of one payout, and none that refused it is tried again.
"""


def public_table() -> str:
    rows = []
    for reason in StatusCode:
        told = STATUS_REASONS[reason]
        retryable = "yes" if told.retryable else ""
        rows.append([code(reason), str(told.source), retryable, code(told.remedy), told.en, told.zh])
    return table(["code", "source", "retryable", "remedy", "en", "zh"], rows)


def remedy_table() -> str:
    return table(["remedy", "en", "zh"], ([code(remedy), *REMEDIES[remedy]] for remedy in Remedy))


def reject_table() -> str:
    rows = [[code(reason), str(REJECT_REASONS[reason][0]), code(REJECT_REASONS[reason][1])] for reason in RejectReason]
    return table(["reject reason", "another channel?", "ends the payout as"], rows)


def page() -> str:
    parts = [
        OPENING,
        "## What an app is told\n",
        "`status_reason.code`. *Retryable*: a new payout, with a new reference, may succeed later.\n",
        public_table() + "\n",
        "`remedy` is what you can do about it:\n",
        remedy_table() + "\n",
        table(["source", "whose doing"], ([code(source), SOURCE_MEANS[source]] for source in Source)) + "\n",
        NOT_AN_END,
        "## Why a channel refused\n",
        "What every adapter's tables map to. It is only looked at once the attempt is proved rejected.\n",
        reject_table() + "\n",
        "## May another channel be tried?\n",
        table(["rule", "means"], ([code(rule), RULE_MEANS[rule]] for rule in OtherChannel)) + "\n",
        WHATEVER_THE_RULE,
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check("reasons.md", page(), sys.argv[1:]))
