from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vehicle_management.advance import Known, advance

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_newer_value_takes_the_place_of_the_known_one() -> None:
    known = Known({"speed_kmh": 10.0}, MONDAY)
    assert advance(known, {"speed_kmh": 20.0}, MONDAY + timedelta(hours=1)) == {"speed_kmh": (10.0, 20.0)}
    assert known.recorded_at == MONDAY + timedelta(hours=1)


def test_an_older_value_is_history_and_changes_nothing() -> None:
    known = Known({"speed_kmh": 10.0}, MONDAY)
    assert advance(known, {"speed_kmh": 20.0}, MONDAY - timedelta(hours=1)) == {}
    assert known == Known({"speed_kmh": 10.0}, MONDAY)


def test_yesterdays_odometer_stands_beside_todays_speed() -> None:
    known = Known({"odometer_km": 1.0}, MONDAY)
    advance(known, {"speed_kmh": 50.0}, MONDAY + timedelta(days=1))
    assert known.time_of("odometer_km") == MONDAY
    assert advance(known, {"odometer_km": 2.0}, MONDAY + timedelta(hours=1)) == {"odometer_km": (1.0, 2.0)}


def test_a_cleared_attribute_remembers_when_it_was_cleared() -> None:
    known = Known({"speed_kmh": 10.0}, MONDAY)
    assert advance(known, {"speed_kmh": None}, MONDAY + timedelta(hours=2)) == {"speed_kmh": (10.0, None)}
    assert advance(known, {"speed_kmh": 30.0}, MONDAY + timedelta(hours=1)) == {}


rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 50), st.integers(0, 9)),
    unique_by=lambda row: row[:2],
)


@given(rows, st.randoms())
def test_the_order_of_arrival_does_not_matter(told: list[tuple[str, int, int]], chance: object) -> None:
    """Whatever the order, each attribute ends with its newest value and that value's time."""
    shuffled = list(told)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    known = Known()
    for name, hours, value in shuffled:
        advance(known, {name: value}, MONDAY + timedelta(hours=hours))
    newest: dict[str, tuple[int, int]] = {}
    for name, hours, value in told:
        newest[name] = max(newest.get(name, (-1, -1)), (hours, value))
    assert known.values == {name: value for name, (_hours, value) in newest.items()}
    assert {name: known.time_of(name) for name in newest} == {
        name: MONDAY + timedelta(hours=hours) for name, (hours, _value) in newest.items()
    }
