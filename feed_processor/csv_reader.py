"""CSV to rows: any delimiter, one bad row is one fault."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from feed_processor.dialect import MOST_COLUMNS, BadRow, Dialect, UnreadableFile, unique_headers

DELIMITERS = ",;\t|:^~"
SAMPLE_ROWS = 60
MOST_CELL_LENGTH = 1_000_000
MOST_LINES_OF_A_ROW = 1_000

END_OF_FILE = "\x1eend of file\x1e"

csv.field_size_limit(MOST_CELL_LENGTH)

CsvRow = tuple[int, list[str] | BadRow]


def sniff_csv(text: str, encoding: str, *, whole: bool) -> Dialect:
    lines = text.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines = lines[:-1]
    declared = lines[0].strip().lower().removeprefix("sep=") if lines[0].lower().startswith("sep=") else ""
    delimiter = declared[:1] or _delimiter(lines)
    rows = list(islice(_parsed(lines, delimiter), SAMPLE_ROWS))
    header_index = _header_index(rows, skip=1 if declared else 0)
    headers = unique_headers(rows[header_index])
    if len(headers) > MOST_COLUMNS:
        raise UnreadableFile(_("The file has %(n)d columns; up to 500 are read.") % {"n": len(headers)})
    return Dialect("csv", encoding, delimiter, header_row=header_index + 1, headers=headers)


def _parsed(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error:
        return


def _delimiter(lines: list[str]) -> str:
    """The one that cuts most rows into the same number of cells, more than one."""
    best, best_score = ",", (0.0, 0)
    for candidate in DELIMITERS:
        widths = Counter(len(row) for row in islice(_parsed(lines, candidate), SAMPLE_ROWS) if row)
        width, rows = widths.most_common(1)[0] if widths else (1, 0)
        # Common separators win a tie: a time holds colons, a name may hold a caret.
        trust = 1.0 if candidate in ",;\t|" else 0.6
        score = (trust * rows / max(1, widths.total()), width) if width > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _header_index(rows: list[list[str]], *, skip: int) -> int:
    """The first row as wide as most are: what stands above is a title."""
    filled = [(index, row) for index, row in enumerate(rows) if index >= skip and any(cell.strip() for cell in row)]
    if not filled:
        raise UnreadableFile(_("The file holds no rows; it should hold a header and rows below it."))
    width = Counter(len(row) for _index, row in filled).most_common(1)[0][0]
    for index, row in filled:
        names = sum(bool(cell.strip()) for cell in row)
        if len(row) == width and (names > 1 or width < 3):
            return index
    return filled[0][0]


def read_csv(stream: BinaryIO, dialect: Dialect) -> Iterator[CsvRow]:
    """Rows below the header as ``(number, cells)``; a row of another width is a BadRow, an empty one none.

    A row's number is its place among the rows of the file, as a spreadsheet shows it. Raises
    UnreadableFile where a quote swallows the rest.
    """
    stream.seek(0)
    wrapper = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
    try:
        # The line after the last tells whether a quote is still open there: then it is swallowed.
        lines = chain(wrapper, (END_OF_FILE,))
        yield from _framed(csv.reader(lines, delimiter=dialect.delimiter), dialect)
    finally:
        wrapper.detach()


def _framed(reader: Any, dialect: Dialect) -> Iterator[CsvRow]:
    width, number, line = len(dialect.headers), 0, 0
    cells: list[str] = []
    try:
        for number, cells in enumerate(reader, start=1):
            if reader.line_num - line > MOST_LINES_OF_A_ROW:
                raise _open_quote(number)
            line = reader.line_num
            if number <= dialect.header_row or cells == [END_OF_FILE]:
                continue
            if cells and END_OF_FILE in cells[-1]:
                raise _open_quote(number)
            if len(cells) == width:
                if any(cells):
                    yield number, cells
            elif any(map(str.strip, cells)):
                yield number, _fitted(cells, width)
    except csv.Error as error:
        raise _open_quote(number + 1) from error


def _open_quote(row: int) -> UnreadableFile:
    message = _("A quote (\") that opens in or before row %(row)d is never closed; close it or double it.")
    return UnreadableFile(message % {"row": row})


def _fitted(cells: list[str], width: int) -> list[str] | BadRow:
    """Empty cells beyond the header do no harm; any other difference shifts columns and is told."""
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return cells[:width]
    message = _("The row has %(n)d cells where the header has %(width)d.") % {"n": len(cells), "width": width}
    return BadRow(message, value=" | ".join(cells)[:500])
