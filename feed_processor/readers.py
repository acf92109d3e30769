"""Files to rows: CSV of any delimiter, JSON arrays, objects that hold one array, JSON Lines.

Pure and of bounded memory: a reader is given a binary stream that can be sought, and yields rows one
after the other. Rows are numbered as a spreadsheet shows them (the header is row 1), items of JSON
from 1.
"""

import codecs
from typing import BinaryIO

from django.utils.translation import gettext as _

from feed_processor.csv_reader import sniff_csv
from feed_processor.dialect import Dialect, UnreadableFile
from feed_processor.json_reader import sniff_json

SAMPLE_BYTES = 256 * 1024


def sniff(stream: BinaryIO) -> Dialect:
    """Tell how to read the stream. Raises UnreadableFile."""
    stream.seek(0)
    head = stream.read(SAMPLE_BYTES)
    _refuse_other_formats(head)
    encoding = _encoding(stream, head)
    text = _decoded_head(head, encoding).lstrip("\ufeff")
    if not text.strip():
        raise UnreadableFile(_("The file is empty; it should hold a header and rows, or a JSON array."))
    if text.lstrip()[0] in "[{":
        from_json = sniff_json(stream, encoding, text.lstrip(), whole=len(head) < SAMPLE_BYTES)
        if from_json:
            return from_json
    return sniff_csv(text, encoding, whole=len(head) < SAMPLE_BYTES)


def _refuse_other_formats(head: bytes) -> None:
    magics = {
        b"PK\x03\x04": _(
            "This is a spreadsheet or zip archive, not CSV or JSON; save it as CSV and drop that."
        ),
        b"\xd0\xcf\x11\xe0": _("This is an Excel workbook, not CSV or JSON; save it as CSV and drop that."),
        b"\x1f\x8b": _("This file is compressed; unpack it and drop what is inside."),
        b"%PDF": _("This is a PDF, not CSV or JSON; export the table as CSV and drop that."),
    }
    for magic, message in magics.items():
        if head.startswith(magic):
            raise UnreadableFile(message)


def _encoding(stream: BinaryIO, head: bytes) -> str:
    """By its byte order mark, else UTF-8 where the whole file is that, else Windows-1252."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(0) > len(head) // 100:
        raise UnreadableFile(_("The file holds binary data; CSV and JSON are text."))
    if head.startswith(codecs.BOM_UTF8):
        _demand(stream, "utf-8")
        return "utf-8-sig"
    return "utf-8" if _decodes(stream, "utf-8") else _demand(stream, "cp1252")


def _demand(stream: BinaryIO, encoding: str) -> str:
    if not _decodes(stream, encoding):
        raise UnreadableFile(_("The text is neither UTF-8 nor Windows-1252; save the file as UTF-8."))
    return encoding


def _decodes(stream: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    try:
        while block := stream.read(1 << 20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _decoded_head(head: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(head)
