"""No table is forgotten when a payout is moved out."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, Text

from gateway.store import schema
from gateway.store.archiving import KEPT, MOVED

OTHERS = {
    "batches": "of several payouts; they stay, with what became of each item",
    "batch_pages": "likewise",
    "batch_references": "an app's names of batches: known for ever, like those of payouts",
}
"""Tables that have a shard, and no row of a single payout."""


def of_a_payout(metadata: MetaData) -> set[str]:
    """Tables with a row of a payout, by their columns, their keys, or the tables that their keys lead to."""
    found = {table.name for table in metadata.sorted_tables if "shard" in table.columns}
    for table in metadata.sorted_tables:
        named = any(column.name.endswith("payout_id") for column in table.columns)
        if named or any(key.column.table.name in found for key in table.foreign_keys):
            found.add(table.name)
    return found


def test_every_table_with_a_payouts_rows_is_in_one_of_the_lists() -> None:
    """Moved with the payout, or kept for ever, with the reason: and nothing is in both, or no more there."""
    moved = {table.name for table in MOVED}
    assert moved | KEPT.keys() | OTHERS.keys() == of_a_payout(schema.metadata)
    assert not moved & KEPT.keys()
    assert not (moved | KEPT.keys()) & OTHERS.keys()


def test_a_new_table_would_be_noticed() -> None:
    """Whether it names a payout in a column or by a key that leads to one."""
    metadata = MetaData()
    for table in schema.metadata.sorted_tables:
        table.to_metadata(metadata)
    before = of_a_payout(metadata)
    Table("notes", metadata, Column("id", Text, primary_key=True), Column("payout_id", Text))
    assert of_a_payout(metadata) - before == {"notes"}


def test_what_refers_to_another_is_deleted_before_it() -> None:
    """A row is never left without the one that it refers to."""
    order = {table.name: number for number, table in enumerate(MOVED)}
    keys = [(table.name, key.column.table.name) for table in MOVED for key in table.foreign_keys]
    assert keys
    assert all(order[referred] < order[table] for table, referred in keys)
