from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from feed_processor.dates import common_orders, orders_of, parse_date, parse_time, settle_order

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("04-Aug-00", "YMD", date(2000, 8, 4)),
        ("04-Aug-98", "YMD", date(1998, 8, 4)),
        ("Aug 4, 2000", "YMD", date(2000, 8, 4)),
        ("5/21/2013 0:00", "MDY", date(2013, 5, 21)),
        ("21.5.2013", "DMY", date(2013, 5, 21)),
        ("2013-05-21", "YMD", date(2013, 5, 21)),
        ("20130521", "DMY", date(2013, 5, 21)),
        ("31/31/2020", "DMY", None),
        ("yesterday", "DMY", None),
    ],
)
def test_dates_are_read_as_files_write_them(text: str, order: str, expected: date | None) -> None:
    assert parse_date(text, order) == expected


def test_a_column_is_read_one_way_the_way_that_all_its_values_allow() -> None:
    assert orders_of("01/02/2020") == {"DMY", "MDY"}
    assert common_orders(["01/02/2020", "25/02/2020", "no date"]) == {"DMY"}
    assert settle_order(frozenset({"DMY", "MDY"}), "MDY") == "MDY"
    assert settle_order(frozenset({"DMY"}), "MDY") == "DMY"


def test_a_time_without_an_offset_is_one_of_the_fleets_zone() -> None:
    assert parse_time("2026-01-01 12:00", "YMD", BERLIN) == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert parse_time("2026-01-01T12:00:00+05:30", "YMD", BERLIN) == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    assert parse_time("01/01/2016 12:00:00 AM", "MDY", ZoneInfo("UTC")) == datetime(2016, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-01T25:00", "2026-01-01T12:00+99:00", "0001-01-01T00:00+12:00", ""])
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text, "YMD", BERLIN) is None
