"""One payout in words: what it is, what happened to it, and where it is found."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from gateway.cli.client import Json, Misused

PAYOUTS = "/admin/v1/payouts"


def path_of(which: str) -> str:
    """Where the payout is that a person names by id or by APP/REFERENCE. Raises `Misused`."""
    app, slash, reference = which.partition("/")
    if slash and app and reference:
        return f"/admin/v1/apps/{quote(app, safe='')}/payouts/{quote(reference, safe='')}"
    if slash or not which.startswith("po_"):
        raise Misused(f"{which!r} is neither a payout's id (po_…) nor APP/REFERENCE")
    return f"{PAYOUTS}/{quote(which, safe='')}"


def whole(answer: Json) -> Iterator[str]:
    """The payout, then each attempt, incident and callback."""
    money = answer["amount"]
    yield f"{answer['id']}: {money['value']} {money['currency']} for {answer['app']}/{answer['reference']}"
    yield f"  {_standing(answer)}, since {answer['created_at']}"
    if "archive" in answer:
        yield f"  archived {answer['archived_at']}: everything else stands in {answer['archive']}"
    for attempt in answer["attempts"]:
        yield f"  attempt {attempt['number']} by {attempt['channel']}: {_attempt(attempt)}"
    for incident in answer["incidents"]:
        yield f"  incident {incident['at']}: {incident['kind']}, {incident['detail']}"
    yield from callback_lines(answer)


def found(answer: Json) -> Iterator[str]:
    """A line for each payout of a list."""
    for each in answer["data"]:
        money = each["amount"]
        about = f"{money['value']} {money['currency']} for {each['app']}/{each['reference']}"
        yield f"{each['created_at']}  {each['id']}  {each['status']}  {about}"
    if answer["has_more"]:
        yield "and older ones"
    if not answer["data"]:
        yield "there is none"


def erased(answer: Json) -> Iterator[str]:
    """What became of it."""
    yield f"{answer['id']}: it says no more whom it was for, since {answer['erased_at']}"


def history(answer: Json) -> Iterator[str]:
    """Events and evidence in one line of time."""
    lines = [(each["at"], 0, _event(each)) for each in answer["timeline"]]
    lines += [(each["at"], 1, _evidence(each)) for each in answer["evidence"]]
    for at, _, words in sorted(lines, key=lambda line: line[:2]):
        yield f"{at}  {words}"


def callback_lines(answer: Json) -> Iterator[str]:
    """Each callback, and what became of it."""
    for each in answer["callbacks"]:
        yield f"  {callback_line(each)}"


def callback_line(callback: Json) -> str:
    """One callback, and what became of it."""
    return f"{callback['event_id']} {callback['type']} to {callback['endpoint']}: {_delivered(callback)}"


def _standing(answer: Json) -> str:
    parts = [answer["status"]]
    if answer["status_reason"]:
        parts.append(str(answer["status_reason"]["code"]))
    if answer["hold"]:
        parts.append(f"held ({answer['hold']['code']})")
    if answer["frozen"]:
        parts.append("frozen")
    return ", ".join(parts)


def _attempt(attempt: Json) -> str:
    told = f", {attempt['reason']}" if attempt["reason"] else ""
    code = f" ({attempt['channel_code']})" if attempt["channel_code"] else ""
    sent = f"sent {attempt['transmissions']} time{'' if attempt['transmissions'] == 1 else 's'}"
    return f"{attempt['state']}{told}{code}, {sent} as {attempt['channel_reference']}"


def _event(event: Json) -> str:
    about = f" attempt {event['attempt']}" if event["attempt"] else ""
    detail = " ".join(f"{name}={value}" for name, value in event["detail"].items() if name != "decision")
    return f"{event['type']}{about} by {event['actor']}{f': {detail}' if detail else ''}"


def _evidence(evidence: Json) -> str:
    code = f" ({evidence['channel_code']})" if evidence["channel_code"] else ""
    judged = "" if evidence["judged"] else ", not judged"
    alarm = ", looked odd" if evidence["alarm"] else ""
    return f"  {evidence['heard']} of attempt {evidence['attempt']} said {evidence['said']}{code}{judged}{alarm}"


def _delivered(callback: Json) -> str:
    tries = f"{callback['tries']} tr{'y' if callback['tries'] == 1 else 'ies'}"
    if callback["delivered_at"]:
        return f"delivered at {callback['delivered_at']}, {tries}"
    if callback["parked_at"]:
        last = callback["deliveries"][-1]["detail"] if callback["deliveries"] else "no try"
        return f"PARKED at {callback['parked_at']} after {tries}: {last}"
    return f"due at {callback['due_at']}, {tries} so far"
