"""From a place in the document to its line in the file.

tomllib gives the values and forgets where they stood; tomlkit keeps every character. So the document is walked in
the order it was written, counting newlines. Only done once something is wrong, or when a later check wants to
name a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Comment, InlineTable, Item, Key, Null, Table, Whitespace

from gateway.config.errors import Loc


class Lines:
    """Looks lines up in one text; walks it at the first question."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[Loc, int] | None = None

    def __call__(self, loc: Loc) -> int:
        """The line of `loc`, or of the nearest thing around it that is in the file; 1 when nothing is."""
        if self._found is None:
            self._found = _walk_document(self._text)
        while loc and loc not in self._found:
            loc = loc[:-1]
        return self._found.get(loc, 1)


def _walk_document(text: str) -> dict[Loc, int]:
    try:
        walk = _Walk({})
        walk.container(tomlkit.parse(text), ())
    except (TOMLKitError, RecursionError, ValueError):
        return {}  # tomllib said what is wrong with it; a fault without a line is better than no fault
    return walk.found


@dataclass(slots=True)
class _Walk:
    """One pass over a document. `line` is where the next character stands."""

    found: dict[Loc, int]
    line: int = 1

    def container(self, container: Container, path: Loc) -> None:
        for key, item in container.body:
            self._entry(key, item, path)

    def _entry(self, key: Key | None, item: Item, path: Loc) -> None:
        if key is None or isinstance(item, Null):
            self._pass(item.as_string())
        elif isinstance(item, Table):
            self._table(item, (*path, *_parts(key)), headed=_has_header(key, item))
        elif isinstance(item, AoT):
            for table in item.body:
                here = (*path, *_parts(key))
                self._table(table, (*here, self._next_index(here)), headed=True)
        else:
            self._simple(item, (*path, *_parts(key)))

    def _table(self, table: Table, path: Loc, headed: bool) -> None:
        trivia = table.trivia
        if headed or trivia.indent == "\n":
            self._pass(trivia.indent)
        if headed:
            self._mark(path)
            self._pass(trivia.trail)
        else:
            self.found.setdefault(path, self.line)  # `[a.b]` or `a.b = 1` also make an `a`
        self.container(table.value, path)

    def _simple(self, item: Item, path: Loc) -> None:
        self._pass(item.trivia.indent)
        self._mark(path)
        self._value(item, path)
        self._pass(item.trivia.trail)

    def _value(self, item: Item, path: Loc) -> None:
        if isinstance(item, Array):
            self._array(item, path)
        elif isinstance(item, InlineTable):
            self.container(item.value, path)
        else:
            self._pass(item.as_string())

    def _array(self, array: Array, path: Loc) -> None:
        index = 0
        for part in array._iter_items():  # the only access to an array's comments and line ends
            if _is_value(part):
                self._mark((*path, index))
                self._value(part, (*path, index))
                index += 1
            else:
                self._pass(part.as_string())

    def _mark(self, path: Loc) -> None:
        """`path` stands here; so do the tables that a dotted path has made on the way."""
        for length in range(1, len(path)):
            self.found.setdefault(path[:length], self.line)
        self.found[path] = self.line

    def _next_index(self, path: Loc) -> int:
        """Arrays of tables may be continued after other tables."""
        index = 0
        while (*path, index) in self.found:
            index += 1
        return index

    def _pass(self, text: str) -> None:
        self.line += text.count("\n")


def _parts(key: Key) -> Iterator[str]:
    return (part.key for part in key)


def _is_value(part: Item) -> bool:
    return not isinstance(part, Whitespace | Comment | Null)


def _has_header(key: Key, table: Table) -> bool:
    """Whether a `[header]` was written for it; the tables on the way to `[a.b.c]` have none, dotted keys neither."""
    if key.is_dotted():
        return False
    if not table.is_super_table():
        return True
    return any(not isinstance(item, Table | AoT | Whitespace | Null) for _, item in table.value.body)
