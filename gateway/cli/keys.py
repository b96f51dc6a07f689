"""`paymux keys`: the keys that personal data is sealed under."""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import App

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of
from gateway.secret import Secret

ROTATE = "/admin/v1/keys/rotate"

_REACH, _ME = Reach(), Me()

keys = App(name="keys", help="The keys that personal data is sealed under.")


@keys.command
def rotate(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Bring everything that is sealed under the sealing key in force, so that older ones can be taken away.

    Before: every gateway on the database has been started with the new key as sealing_key, and the one before it in
    old_sealing_keys. After it has ended: start them without. The gateway works on meanwhile; a rotation that was
    stopped is begun again by the same command.

    Example: `python -m gateway keys rotate --token-file sam.token`
    """
    with spoken(reach):
        show(reach, _whole(reach, token_of(me)), _words)


def _whole(reach: Reach, token: Secret) -> Json:
    """Page by page to the end; what all of them came to."""
    page = ask(reach, token, "POST", ROTATE, {})
    total = page
    while page["after"] is not None:
        page = ask(reach, token, "POST", ROTATE, {"after": page["after"]})
        total |= {name: total[name] + page[name] for name in ("data_keys", "values")}
    return total | {"after": None}


def _words(answer: Json) -> Iterator[str]:
    yield f"{answer['data_keys']} data keys wrapped anew, {answer['values']} values of the first layout sealed anew"
    yield "everything is under the first sealing key"
