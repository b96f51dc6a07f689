"""Who is to be paid, as a request names them: by account, or by the id of a saved beneficiary."""

from __future__ import annotations

from gateway.api.problems import Fault
from gateway.api.state import PublicState
from gateway.domain.beneficiary import Beneficiary, Saved
from gateway.operations import beneficiaries

UNKNOWN = Fault("/beneficiary/id", "unknown_beneficiary", "none of this app's saved beneficiaries")


async def who(
    state: PublicState, app: str, named: Beneficiary | Saved, reference: str, retry_of: str | None = None
) -> Beneficiary | None:
    """None: nobody is saved under that id, and the reference is not known; the fault is `UNKNOWN`."""
    if not isinstance(named, Saved):
        return named
    return await beneficiaries.resolve(state.services, app, named, reference, retry_of)


def as_named(named: Beneficiary | Saved | None) -> Saved | None:
    """The name, where it was one."""
    return named if isinstance(named, Saved) else None
