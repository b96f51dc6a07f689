"""An app's saved beneficiaries: the part of the store's port, and its SQL. Sealed, and found by a blind index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, delete, select

from gateway.domain.beneficiary import SavedBeneficiary
from gateway.store import codec, schema
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.rows import Rows

_B = schema.beneficiaries.c


class BeneficiaryReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def beneficiary(self, app: str, beneficiary_id: str) -> SavedBeneficiary | None: ...

    def beneficiaries(self, app: str, before: str | None, limit: int) -> Sequence[SavedBeneficiary]:
        """Newest first, those with lower ids than `before`."""
        ...

    def beneficiaries_at(self, app: str, account_index: bytes, limit: int) -> Sequence[SavedBeneficiary]:
        """Those of one account, the oldest first."""
        ...


class BeneficiaryWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def add_beneficiary(self, saved: SavedBeneficiary, account_index: bytes) -> None: ...

    def drop_beneficiary(self, app: str, beneficiary_id: str) -> bool:
        """Whether there was one. Nothing is left of it; payouts have their own copies."""
        ...


class SqlBeneficiaryReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def beneficiary(self, app: str, beneficiary_id: str) -> SavedBeneficiary | None:
        query = select(schema.beneficiaries).where(_B.app == app, _B.id == beneficiary_id)
        found = self._connection.execute(query).first()
        return None if found is None else self._saved(found)

    def beneficiaries(self, app: str, before: str | None, limit: int) -> Sequence[SavedBeneficiary]:
        conditions = [_B.app == app] if before is None else [_B.app == app, _B.id < before]
        query = select(schema.beneficiaries).where(*conditions).order_by(_B.id.desc()).limit(limit)
        return [self._saved(row) for row in self._connection.execute(query)]

    def beneficiaries_at(self, app: str, account_index: bytes, limit: int) -> Sequence[SavedBeneficiary]:
        query = select(schema.beneficiaries).where(_B.app == app, _B.account_index == account_index)
        return [self._saved(row) for row in self._connection.execute(query.order_by(_B.id).limit(limit))]

    def _saved(self, row: Row[Any]) -> SavedBeneficiary:
        opened = self._rows.sealer.open(row.beneficiary_sealed, _place(row.id))
        return SavedBeneficiary(row.id, row.app, codec.load_beneficiary(opened), row.created_at)


class SqlBeneficiaryWrites:
    """The changes. A mixin, likewise."""

    _connection: Quick
    _rows: Rows

    def add_beneficiary(self, saved: SavedBeneficiary, account_index: bytes) -> None:
        sealed = self._rows.sealer.seal(codec.dump_beneficiary(saved.beneficiary), _place(saved.id))
        values = {
            "id": saved.id,
            "app": saved.app,
            "account_index": account_index,
            "beneficiary_sealed": sealed,
            "created_at": saved.created_at,
        }
        self._connection.execute(schema.beneficiaries.insert(), values)

    def drop_beneficiary(self, app: str, beneficiary_id: str) -> bool:
        gone = delete(schema.beneficiaries).where(_B.app == app, _B.id == beneficiary_id)
        return self._connection.execute(gone).rowcount == 1


def _place(beneficiary_id: str) -> str:
    return f"beneficiaries|beneficiary|{beneficiary_id}"
