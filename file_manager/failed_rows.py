"""The failed rows as they were, with a column that says why: to be mended and dropped again."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from api_pattern.streaming import safe_cell
from feed_processor.blocks import Block, read_blocks
from feed_processor.convert import cell_text
from feed_processor.dialect import MISSING, Dialect
from file_manager import storage
from file_manager.models import Upload, UploadFault

WHY = "why"
# A query each tells which of them failed.
BLOCK_ROWS = 5_000


def failed_rows_csv(upload: Upload) -> Iterator[str]:
    """CSV in pieces, of bounded memory: the original's header and failed rows, in their order."""
    headers = [column["header"] for column in upload.columns]
    yield _line(["row", *headers, WHY])
    if not upload.dialect:
        return
    with storage.opened(upload.stored_as) as stream:
        for block in read_blocks(stream, Dialect.from_dict(upload.dialect), BLOCK_ROWS):
            yield from _failed(upload, block, headers)


def _failed(upload: Upload, block: Block, headers: list[str]) -> Iterator[str]:
    numbers = [*block.numbers, *(number for number, _bad in block.bad)]
    reasons = _reasons(upload, min(numbers), max(numbers)) if numbers else {}
    for index, number in enumerate(block.numbers):
        if number in reasons:
            cells = [block.columns[header][index] if header in block.columns else "" for header in headers]
            yield _line([str(number), *map(_cell, cells), reasons[number]])
    for number, bad in block.bad:
        filler = [""] * (len(headers) - 1)
        yield _line([str(number), safe_cell(bad.value), *filler, reasons.get(number, bad.message)])


def _cell(value: Any) -> Any:
    return "" if value is MISSING or value is None else safe_cell(cell_text(value))


def _reasons(upload: Upload, first: int, last: int) -> dict[int, str]:
    found = upload.faults.filter(level=UploadFault.Level.FAULT, row__range=(first, last))
    reasons: dict[int, str] = {}
    for row, column, message in found.values_list("row", "column", "message"):
        told = f"{column}: {message}" if column else message
        reasons[row] = f"{reasons[row]} {told}" if row in reasons else told
    return reasons


def _line(cells: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
