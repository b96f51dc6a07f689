"""Find payouts by their beneficiary's account, which is sealed: by its blind index, and what it opens to decides."""

from __future__ import annotations

from gateway.blind_index import normalised
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.payout import Payout
from gateway.operations.services import Services

FOUND_MAX = 100


async def by_account(services: Services, kind: BeneficiaryKind, account: str) -> tuple[tuple[Payout, ...], bool]:
    """Up to `FOUND_MAX` of all apps, newest first, and whether there are more. Erased ones are not found."""
    index = services.keys.accounts.of(kind, account)
    found = await services.store.read(lambda tx: tx.payouts_at(index, FOUND_MAX + 1))
    wanted = normalised(kind, account)
    same = [each for each in found if normalised(each.beneficiary.kind, each.beneficiary.account) == wanted]
    return tuple(same[:FOUND_MAX]), len(found) > FOUND_MAX
