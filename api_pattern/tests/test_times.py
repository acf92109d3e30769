from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.timezone import now

from api_pattern.times import check_not_ahead, parse_time, told_time


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
        ("2026-03-01T09:30:00+02:00", "2026-03-01T07:30:00Z"),
        ("2026-03-01T09:30:00.123456-05:30", "2026-03-01T15:00:00.123456Z"),
        ("2026-03-01 09:30+23:00", "2026-02-28T10:30:00Z"),
    ],
)
def test_a_time_is_told_in_utc(text, told):
    assert told_time(parse_time(text)) == told


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T09:30:00", "2026-03-01", "yesterday", "", None, 1767225600, True, "2026-02-30T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T09:30:00+24:00",
     "2026-03-01T09:30:00+99:99"],
)  # fmt: skip
def test_what_is_no_time_with_an_offset_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"offset|not a time"):
        parse_time(text)


def test_a_time_over_five_minutes_ahead_is_refused_where_it_matters():
    assert check_not_ahead(now() + timedelta(minutes=4))
    with pytest.raises(ValueError, match="future"):
        check_not_ahead(now() + timedelta(minutes=6))


def test_any_zone_is_told_in_utc():
    assert told_time(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=3)))) == "2025-12-31T21:00:00Z"
    assert told_time(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"
    assert told_time(None) is None
