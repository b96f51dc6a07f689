"""What each role of people may do, as one table. A right that is not in a role's row is refused."""

from __future__ import annotations

from enum import StrEnum


class Right(StrEnum):
    """One kind of thing that people do."""

    LOOK = "look"
    """See payouts, holds, the audit, channels; renew one's own token."""
    ASK = "ask"
    """Ask for what takes two, and tell an app once more."""
    APPROVE = "approve"
    """Approve what another person asked for; confirm a person whom another one added."""
    TEND = "tend"
    """Take traffic off channels, take up the configuration file."""
    PEOPLE = "people"
    """Add and revoke people."""


class Role(StrEnum):
    """What somebody is here for. One for each person, for good."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    SRE = "sre"
    ADMIN = "admin"


_R = Right

MAY: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({_R.LOOK}),
    Role.OPERATOR: frozenset({_R.LOOK, _R.ASK}),
    Role.APPROVER: frozenset({_R.LOOK, _R.ASK, _R.APPROVE}),
    Role.SRE: frozenset({_R.LOOK, _R.ASK, _R.TEND}),
    Role.ADMIN: frozenset(Right),
}
"""The table of docs/operations.md."""
