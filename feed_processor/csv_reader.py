"""CSV to rows: any delimiter, one bad row is one fault."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

CsvBlock = tuple[Sequence[int], list[list[str]], list[tuple[int, BadRow]]]


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
    filled = [
        (index, row) for index, row in enumerate(rows) if index >= skip and any(cell.strip() for cell in row)
    ]
    if not filled:
        raise UnreadableFile(_("The file holds no rows; it should hold a header and rows below it."))
    width = Counter(len(row) for _index, row in filled).most_common(1)[0][0]
    for index, row in filled:
        names = sum(bool(cell.strip()) for cell in row)
        if len(row) == width and (names > 1 or width < 3):
            return index
    return filled[0][0]


def read_csv(stream: BinaryIO, dialect: Dialect, size: int) -> Iterator[CsvBlock]:
    """Blocks of up to ``size`` rows below the header: ``(numbers, rows, bad rows)``; empty rows are none.

    A row's number is its place among the rows of the file, as a spreadsheet shows it. Raises
    UnreadableFile where a quote swallows the rest.
    """
    stream.seek(0)
    wrapper = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
    try:
        # The line after the last tells whether a quote is still open there: then it is swallowed.
        reader = csv.reader(chain(wrapper, (END_OF_FILE,)), delimiter=dialect.delimiter)
        number = sum(1 for _row in islice(reader, dialect.header_row))
        while rows := _taken(reader, size, number):
            yield _framed(rows, number + 1, len(dialect.headers))
            number += len(rows)
    finally:
        wrapper.detach()


def _taken(reader: Any, size: int, number: int) -> list[list[str]]:
    """The next rows, without the line that we put behind the last. Raises UnreadableFile."""
    line = reader.line_num
    try:
        rows = list(islice(reader, size))
    except csv.Error as error:
        raise _open_quote(number + 1) from error
    if reader.line_num - line - len(rows) > MOST_LINES_OF_A_ROW:
        for place, row in enumerate(rows, start=number + 1):
            if sum(cell.count("\n") for cell in row) > MOST_LINES_OF_A_ROW:
                raise _open_quote(place)
    if rows and rows[-1] and END_OF_FILE in rows[-1][-1]:
        if rows[-1] != [END_OF_FILE]:
            raise _open_quote(number + len(rows))
        rows.pop()
    return rows


def _framed(rows: list[list[str]], first: int, width: int) -> CsvBlock:
    """Set apart what is empty or of another width; most blocks hold nothing such and stay as they are."""
    if set(map(len, rows)) == {width} and all(row[0] or any(row) for row in rows):
        return range(first, first + len(rows)), rows, []
    numbers, good, bad = [], [], []
    for number, row in enumerate(rows, start=first):
        if not any(map(str.strip, row)):
            continue
        fitted = row if len(row) == width else _fitted(row, width)
        if isinstance(fitted, BadRow):
            bad.append((number, fitted))
        else:
            numbers.append(number)
            good.append(fitted)
    return numbers, good, bad


def _open_quote(row: int) -> UnreadableFile:
    message = _('A quote (") that opens in or before row %(row)d is never closed; close it or double it.')
    return UnreadableFile(message % {"row": row})


def _fitted(cells: list[str], width: int) -> list[str] | BadRow:
    """Empty cells beyond the header do no harm; any other difference shifts columns and is told."""
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return cells[:width]
    message = _("The row has %(n)d cells where the header has %(width)d.") % {"n": len(cells), "width": width}
    return BadRow(message, value=" | ".join(cells)[:500])
