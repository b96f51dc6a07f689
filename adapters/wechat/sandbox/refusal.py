"""A request that the service refuses, in the form it does it."""

from __future__ import annotations

from collections.abc import Mapping

STATUS = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "NO_STATEMENT_EXIST": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "NOT_ENOUGH": 403,
    "NOT_FOUND": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
}


class Refuse(Exception):
    """Ends the work on a request."""

    def __init__(self, code: str, message: str, detail: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = STATUS[code]
        self.members: dict[str, object] = {"code": code, "message": message}
        if detail is not None:
            self.members["detail"] = dict(detail)


def param_error(field: str, issue: str) -> Refuse:
    """A member of the body that is wrong."""
    return Refuse("PARAM_ERROR", issue, {"field": f"/{field}", "issue": issue, "location": "body"})
