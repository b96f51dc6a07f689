"""Which right each call of the admin API takes, as one table. A call that is not in it can be made by nobody."""

from __future__ import annotations

from gateway.domain.role import Right

_R = Right

RIGHTS: dict[str, Right] = {
    "listPrincipals": _R.LOOK,
    "addPrincipal": _R.PEOPLE,
    "confirmPrincipal": _R.APPROVE,
    "revokePrincipal": _R.LOOK,  # oneself; of others the operation asks for PEOPLE
    "renewToken": _R.LOOK,
    "listRequests": _R.LOOK,
    "makeRequest": _R.ASK,
    "approveRequest": _R.APPROVE,
    "withdrawRequest": _R.ASK,
    "listHolds": _R.LOOK,
    "showPayout": _R.LOOK,
    "listPayouts": _R.LOOK,
    "showPayoutOfReference": _R.LOOK,
    "redeliverCallback": _R.ASK,
    "listParkedCallbacks": _R.LOOK,
    "redeliverParkedCallbacks": _R.ASK,
    "listAudit": _R.LOOK,
    "showQuarantine": _R.LOOK,
    "listChannels": _R.LOOK,
    "holdChannelBack": _R.TEND,
    "liftOverrides": _R.TEND,
    "showConfig": _R.LOOK,
    "reloadConfig": _R.TEND,
    "rotateKeys": _R.TEND,
    "findPayouts": _R.LOOK,
    "erasePayout": _R.APPROVE,
}
