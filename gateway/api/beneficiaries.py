"""The calls about saved beneficiaries: an account is said once, and named by an id from then on."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import hdrs, web
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from gateway.api import cursor
from gateway.api.idempotency import idempotency_key
from gateway.api.keys import Scope
from gateway.api.problems import Code
from gateway.api.query import LIMIT_DEFAULT, PAGE_PARAMS
from gateway.api.reading import read as read_body
from gateway.api.replies import MaskedPayee, Reply, Timestamp
from gateway.api.responses import Bare, as_json
from gateway.api.routes import Answer, Call, Route
from gateway.api.schemas import CreateBeneficiary
from gateway.api.state import PublicState
from gateway.domain.beneficiary import SavedBeneficiary
from gateway.domain.identity import BENEFICIARY_ID_PATTERN
from gateway.domain.view import Json, beneficiary_view, timestamp
from gateway.operations import beneficiaries

LIST = "beneficiaries"
"""What a cursor of this list is signed for."""


class BeneficiaryReply(Reply):
    """A saved beneficiary, masked. Its `id` stands in orders in the place of the account."""

    object: Literal["beneficiary"]
    id: Annotated[str, Field(pattern=BENEFICIARY_ID_PATTERN)]
    beneficiary: MaskedPayee
    created_at: Timestamp
    same_account: list[str] | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """When it is saved: others of yours with the same account, under another name or bank."""


class BeneficiaryPage(Reply):
    """Newest first."""

    data: list[BeneficiaryReply]
    has_more: bool
    next_cursor: str | None


class Beneficiaries:
    """Handlers of /v1/beneficiaries. Each passes the caller's app on: a foreign one is not there."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def create(self, call: Call) -> web.StreamResponse:
        """201 with the new one; 200 where the same was saved before."""
        payee, key = read_body(CreateBeneficiary, call.body).payee(), idempotency_key(call.request)
        kept = await beneficiaries.save(self._state.services, call.app, payee, key)
        view = {**saved_view(kept.saved), "same_account": list(kept.same_account)}
        if kept.known:
            return as_json(view, 200, {"Idempotent-Replayed": "true"})
        return as_json(view, 201, {"Location": f"/v1/beneficiaries/{kept.saved.id}"})

    async def get(self, call: Call) -> web.StreamResponse:
        found = await beneficiaries.get(self._state.services, call.app, call.path["beneficiary_id"])
        return as_json(saved_view(found))

    async def page(self, call: Call) -> web.StreamResponse:
        key, given, limit = self._state.cursor_key, call.one("cursor"), call.one("limit")
        before = cursor.open_text(key, call.app, [LIST], given) if isinstance(given, str) else None
        size = limit if isinstance(limit, int) else LIMIT_DEFAULT
        found, has_more = await beneficiaries.page(self._state.services, call.app, before, size)
        following = cursor.sign_text(key, call.app, [LIST], found[-1].id) if has_more else None
        return as_json({"data": [*map(saved_view, found)], "has_more": has_more, "next_cursor": following})

    async def delete(self, call: Call) -> web.StreamResponse:
        await beneficiaries.delete(self._state.services, call.app, call.path["beneficiary_id"])
        return Bare(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})


def saved_view(saved: SavedBeneficiary) -> Json:
    """The beneficiary object of docs/api.md."""
    return {
        "object": "beneficiary",
        "id": saved.id,
        "beneficiary": beneficiary_view(saved.beneficiary),
        "created_at": timestamp(saved.created_at),
    }


def beneficiary_routes(kept: Beneficiaries) -> tuple[Route, ...]:
    """What an app has us keep."""
    one = "/v1/beneficiaries/{beneficiary_id}"
    refused = frozenset({Code.INVALID_REQUEST})
    return (
        Route(
            "POST",
            "/v1/beneficiaries",
            Scope.SUBMIT,
            "createBeneficiary",
            "Save a beneficiary, once, to name it by its id in orders",
            kept.create,
            (
                Answer(201, "It is saved", BeneficiaryReply, headers={"Location": "Its path"}),
                Answer(200, "It was saved before", BeneficiaryReply, headers={"Idempotent-Replayed": "true"}),
            ),
            refused | {Code.INVALID_JSON, Code.IDEMPOTENCY_KEY_REUSED, Code.NOT_FOUND, Code.COMMIT_UNKNOWN},
            body=CreateBeneficiary,
            idempotent=True,
        ),
        Route(
            "GET",
            "/v1/beneficiaries",
            Scope.QUERY,
            "listBeneficiaries",
            "List saved beneficiaries, newest first",
            kept.page,
            (Answer(200, "A page of them", BeneficiaryPage),),
            refused,
            query=PAGE_PARAMS,
        ),
        Route(
            "GET",
            one,
            Scope.QUERY,
            "getBeneficiary",
            "Read a saved beneficiary",
            kept.get,
            (Answer(200, "The beneficiary, masked", BeneficiaryReply),),
            refused | {Code.NOT_FOUND},
        ),
        Route(
            "DELETE",
            one,
            Scope.SUBMIT,
            "deleteBeneficiary",
            "Delete a saved beneficiary; payouts to it have copies of their own",
            kept.delete,
            (Answer(204, "Nothing of it is kept"),),
            refused | {Code.NOT_FOUND, Code.COMMIT_UNKNOWN},
        ),
    )
