"""Files of every make: what they are taken for, and the rows that come out."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from feed_processor.blocks import read_blocks
from feed_processor.dialect import MISSING, UnreadableFile
from feed_processor.readers import sniff
from feed_processor.survey import survey

EDGE = Path(__file__).parents[3] / "shared" / "data" / "edge"
# Whose CSV and JSON do not say the same.
FAULTY_PAIRS = {"location_coordinates", "newlines_crlf"}


def read(content: bytes) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows as dicts, and the numbers of the bad ones."""
    stream = io.BytesIO(content)
    rows, bad = [], []
    for block in read_blocks(stream, sniff(stream)):
        for index in range(len(block.numbers)):
            cells = {header: cells[index] for header, cells in block.columns.items()}
            rows.append({header: cell for header, cell in cells.items() if cell is not MISSING})
        bad += [number for number, _row in block.bad]
    return rows, bad


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_is_found(delimiter: str) -> None:
    content = "\n".join(delimiter.join(row) for row in (["id", "name"], ["1", "a"], ["2", "b"])).encode()
    assert read(content)[0] == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("id,name\n1,Jörg".encode(), "Jörg"),
        ("id,name\n1,Jörg".encode("utf-8-sig"), "Jörg"),
        ("id,name\n1,Jörg".encode("cp1252"), "Jörg"),
        ("id,name\n1,Jörg".encode("utf-16"), "Jörg"),
    ],
)
def test_the_encoding_is_found(content: bytes, name: str) -> None:
    assert read(content)[0] == [{"id": "1", "name": name}]


def test_cells_are_texts_and_nothing_is_guessed() -> None:
    assert read(b"id,a,b\n0012,1E5,NA\n")[0] == [{"id": "0012", "a": "1E5", "b": "NA"}]


def test_a_row_of_another_width_is_one_bad_row_and_shifts_nothing() -> None:
    rows, bad = read(b"id,name\n1,a,x\n2,b\n3\n4,d,,\n")
    assert rows == [{"id": "2", "name": "b"}, {"id": "4", "name": "d"}]
    assert bad == [2, 4]


def test_empty_rows_are_none_and_still_count_as_places() -> None:
    content = b"id,name\n\n1,a\n,\n2,b,c\n"
    assert read(content) == ([{"id": "1", "name": "a"}], [5])


def test_a_quote_that_is_never_closed_is_told_with_its_row() -> None:
    with pytest.raises(UnreadableFile, match="row 3"):
        read(b'id,name\n1,a\n2,"b\n3,c\n')


def test_line_breaks_within_quotes_belong_to_the_cell() -> None:
    assert read(b'id,name\r\n1,"a\r\nb"\r\n2,c')[0] == [
        {"id": "1", "name": "a\r\nb"},
        {"id": "2", "name": "c"},
    ]


def test_blank_and_repeated_headers_get_names() -> None:
    assert read(b"id,,id\n1,2,3\n")[0] == [{"id": "1", "column 2": "2", "id (2)": "3"}]


def test_a_title_above_the_header_is_passed_over() -> None:
    content = b"Fleet of 2015,,\nid,make,model\n1,Ford,T\n"
    assert read(content)[0] == [{"id": "1", "make": "Ford", "model": "T"}]


ITEMS = [{"vehicle_id": "a", "make": "Ford"}, {"vehicle_id": "b", "model_year": 2020}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ITEMS).encode(),
        json.dumps({"meta": {"n": 2}, "vehicles": ITEMS}).encode(),
        "\n".join(json.dumps(item) for item in ITEMS).encode(),
        json.dumps(ITEMS).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps(ITEMS).encode(),
    ],
)
def test_json_comes_as_an_array_an_object_that_holds_one_or_lines(content: bytes) -> None:
    assert read(content)[0] == ITEMS


def test_attributes_of_an_item_stand_beside_its_fields() -> None:
    assert read(b'[{"vehicle_id": "a", "attributes": {"Depot": "x"}}]')[0] == [
        {"vehicle_id": "a", "attributes.Depot": "x"}
    ]


def test_a_bad_line_of_json_lines_is_one_bad_row() -> None:
    assert read(b'{"id": 1}\n{"id": NaN}\n[1]\n{"id": 4}\n') == ([{"id": 1}, {"id": 4}], [2, 3])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8b\x08rest", "compressed"),
        (b"a,b\n1,\x00\x00\x00\x00\x00\x00", "binary"),
        (b'[{"a": 1}, {"a": ', "broken"),
        (b'{"a": [1], "b": [2]}', "several arrays"),
        (b'[{"a": NaN}]', "broken"),
        (b"[" * 100_000, "broken|nested"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        read(content)


@pytest.mark.skipif(not EDGE.exists(), reason="the sample files are not here")
def test_the_spectrum_of_csv_files_reads_as_the_json_beside_it() -> None:
    pairs = sorted((EDGE / "csv-spectrum" / "csvs").glob("*.csv"))
    assert len(pairs) == 12
    for path in pairs:
        if path.stem in FAULTY_PAIRS:
            continue
        expected = json.loads((EDGE / "csv-spectrum" / "json" / f"{path.stem}.json").read_text())
        assert read(path.read_bytes())[0] == expected, path.stem


@pytest.mark.skipif(not EDGE.exists(), reason="the sample files are not here")
def test_every_nasty_file_is_read_or_refused_with_a_sentence() -> None:
    for path in sorted(path for path in EDGE.rglob("*") if path.is_file()):
        assert outcome_of(path) == "read" or outcome_of(path).endswith("."), path


def outcome_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            survey(stream)
    except UnreadableFile as error:
        return str(error)
    return "read"
