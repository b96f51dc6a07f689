"""`paymux admin`: who may act on the gateway, each with a token of their own (docs/operations.md, "Two people")."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cyclopts import App

from gateway.cli.client import TOKEN_VARIABLE, Json, Me, Misused, Reach, ask, part, read_token, show, spoken, token_of
from gateway.config.load import load
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.domain.role import Role
from gateway.secret import Secret

PRINCIPALS = "/admin/v1/principals"

_REACH, _ME = Reach(), Me()

admin = App(name="admin", help="Who may act on the gateway: add, confirm, list and revoke people.")


@admin.command
def add(
    name: str,
    /,
    *,
    role: Role = Role.VIEWER,
    token_file: Path | None = None,
    using: Path | None = None,
    expires_days: int | None = None,
    reach: Reach = _REACH,
) -> None:
    """Add a person. The first one comes in by the first token, whose file the gateway's log names.

    The third and every later person can act once another person has said `admin confirm`.

    Example: `python -m gateway admin add ada --role operator --token-file ada.token`

    Parameters
    ----------
    name
        Lower-case letters, digits, `.`, `_` and `-`. It is what the history shows, and never given to another.
    role
        What the person is here for: each may do more than the one before it, but approvers tend no channels and SREs
        approve nothing. The first person of all is an admin.
    token_file
        Write the new token here, 0600; the file must not exist. Without it the token is printed, once.
    using
        The file with your own token; else PAYMUX_ADMIN_TOKEN, else the first token.
    expires_days
        How long the new token is good; for ever unless given.
    """
    with spoken(reach):
        body = _body(expires_in_days=expires_days, name=name, role=str(role))
        with _NewFile(token_file) as file:
            answer = file.keep(ask(reach, _adder(reach, using), "POST", PRINCIPALS, body))
        show(reach, answer, _issued)


@admin.command(name="list")
def list_(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Everybody who may act, or once could.

    Example: `python -m gateway admin list --token-file ada.token`
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "GET", PRINCIPALS), _listed)


@admin.command
def confirm(name: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Let a person act whom another person has added. Make sure first that it is a person, and the right one.

    Example: `python -m gateway admin confirm carol --token-file bob.token`

    Parameters
    ----------
    name
        Who is to be confirmed.
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "POST", f"{_path(name)}/confirm"), _person)


@admin.command
def revoke(name: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """End a person's tokens, for good. It takes one person only: nobody gains anything by it.

    Example: `python -m gateway admin revoke carol --token-file ada.token`

    Parameters
    ----------
    name
        Whose.
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "DELETE", _path(name)), _person)


@admin.command
def renew(
    *, new_token_file: Path | None = None, expires_days: int | None = None, me: Me = _ME, reach: Reach = _REACH
) -> None:
    """Exchange your token for a new one; the old one ends. Do it first when somebody else handed you yours.

    Example: `python -m gateway admin renew --token-file handed.token --new-token-file bob.token`

    Parameters
    ----------
    new_token_file
        Write the new token here, 0600; the file must not exist. Without it the token is printed, once.
    expires_days
        How long the new token is good; for ever unless given.
    """
    with spoken(reach):
        body = _body(expires_in_days=expires_days)
        with _NewFile(new_token_file) as file:
            answer = file.keep(ask(reach, token_of(me), "POST", "/admin/v1/token", body))
        show(reach, answer, _issued)


class _NewFile:
    """A 0600 file for a token, made before the token is: a path that cannot be written must not cost one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = False

    def __enter__(self) -> _NewFile:
        if self._path is not None:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        return self

    def keep(self, answer: Json) -> Json:
        """The answer, with the file's path in the place of the token, if there is a file."""
        if self._path is None:
            return answer
        with self._path.open("w", encoding="ascii") as file:
            file.write(answer["token"] + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._kept = True
        return {**answer, "token": None, "token_file": str(self._path)}

    def __exit__(self, *_: object) -> None:
        if self._path is not None and not self._kept:
            self._path.unlink(missing_ok=True)


def _adder(reach: Reach, using: Path | None, environ: Mapping[str, str] = os.environ) -> Secret:
    """Whoever adds: by name, by environment, or the first token where there is one."""
    if using is not None or environ.get(TOKEN_VARIABLE):
        return token_of(Me(using), environ)
    first = load(reach.config).state_dir / FIRST_TOKEN_FILE
    if not first.exists():
        raise Misused(f"who are you? Give --using, or set {TOKEN_VARIABLE}; there is no first token in {first.parent}")
    return read_token(first.absolute())


def _body(*, expires_in_days: int | None, **named: str) -> Json:
    return {**named, **({} if expires_in_days is None else {"expires_in_days": expires_in_days})}


def _path(name: str) -> str:
    checked = part(name, "a person's name", "-_.")
    return f"{PRINCIPALS}/{checked}"


# In words ----------------------------------------------------------------------------------------------------------


def _issued(answer: Json) -> Iterator[str]:
    yield from _person(answer)
    if answer["token"] is None:
        yield f"the token is in {answer['token_file']}"
    else:
        yield f"the token, shown this once: {answer['token']}"
    if answer["token_expires_at"]:
        yield f"it is good until {answer['token_expires_at']}"


def _person(answer: Json) -> Iterator[str]:
    yield f"{answer['name']}, {answer['role']}: {_standing(answer)}"


def _listed(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        used = f"last used {each['last_used_at']}" if each["last_used_at"] else "never used"
        token = "" if each["has_token"] else ", no valid token"
        added = f"added {each['created_at']} by {each['created_by']}"
        yield f"{each['name']}, {each['role']}: {_standing(each)}{token}; {added}; {used}"


def _standing(person: Json) -> str:
    if person["revoked_at"]:
        return f"revoked {person['revoked_at']} by {person['revoked_by']}"
    return "may act" if person["active"] else "to be confirmed by another person"
