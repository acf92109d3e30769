"""Rows in blocks of columns: what both passes over a file work on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from feed_processor.csv_reader import read_csv
from feed_processor.dialect import MISSING, MOST_COLUMNS, BadRow, Dialect, UnreadableFile
from feed_processor.json_reader import read_json, read_json_lines

# Few enough that a block stays in the processor's cache: blocks of 5,000 take twice the time.
BLOCK_ROWS = 500


@dataclass
class Block:
    """``columns`` maps a header to its cells, aligned with ``numbers``; bad rows stand apart."""

    numbers: Sequence[int] = ()
    columns: dict[str, Any] = field(default_factory=dict)
    bad: list[tuple[int, BadRow]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers) + len(self.bad)


def read_blocks(stream: BinaryIO, dialect: Dialect, size: int = BLOCK_ROWS) -> Iterator[Block]:
    """The file's rows in blocks of up to ``size``. Raises UnreadableFile."""
    if dialect.format == "csv":
        for numbers, rows, bad in read_csv(stream, dialect, size):
            yield Block(numbers, _csv_columns(rows, dialect), bad)
        return
    items = read_json(stream, dialect) if dialect.format == "json" else read_json_lines(stream, dialect)
    while taken := list(islice(items, size)):
        good = [(number, item) for number, item in taken if not isinstance(item, BadRow)]
        unframed = [(number, item) for number, item in taken if isinstance(item, BadRow)]
        yield Block([number for number, _item in good], _json_columns([item for _n, item in good]), unframed)


def _csv_columns(rows: list[list[str]], dialect: Dialect) -> dict[str, Any]:
    return dict(zip(dialect.headers, zip(*rows, strict=True), strict=True)) if rows else {}


def _json_columns(items: list[dict[str, Any]]) -> dict[str, Any]:
    flat = [_flattened(item) for item in items]
    names = list(dict.fromkeys(name for item in flat for name in item))
    if len(names) > MOST_COLUMNS:
        raise UnreadableFile(_("The items have more than 500 different names; send fewer."))
    return {name: [item.get(name, MISSING) for item in flat] for name in names}


def _flattened(item: dict[str, Any]) -> dict[str, Any]:
    """``attributes`` of an item are told one by one, as a CSV's unknown columns are."""
    nested = item.get("attributes")
    if not isinstance(nested, dict):
        return item
    rest = {name: value for name, value in item.items() if name != "attributes"}
    return {**rest, **{f"attributes.{name}": value for name, value in nested.items()}}
