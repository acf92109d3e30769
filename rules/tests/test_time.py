"""Rules that go by time: through the database, as the listener works."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.lanes import drain
from rules.models import Firing, Rule, RuleState
from rules.moments import ms_of
from rules.running import forget_book
from rules.tests.factories import count, is_true, make_rule, make_vehicle, set_clocks
from vehicle_management.registry import register
from vehicle_management.services import StatusRow, record_statuses

pytestmark = pytest.mark.django_db(transaction=True)
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def say(vehicle, seconds, **values):
    """The vehicle reports, so many seconds after the beginning."""
    at = BEGIN + timedelta(seconds=seconds)
    record_statuses([StatusRow(vehicle.pk, values, at)], cause={"kind": "message"})
    drain()


def fired(rule):
    """When it fired, in seconds after the beginning."""
    return [
        (one.occurred_at - BEGIN).total_seconds() for one in Firing.objects.filter(rule=rule).order_by("pk")
    ]


def begun(rule):
    """As if it had begun an hour before everything."""
    set_clocks(BEGIN - timedelta(hours=1))
    Rule.objects.filter(pk=rule.pk).update(started_at=BEGIN - timedelta(hours=1))
    forget_book()
    return rule


def ask(seconds):
    drain(until=ms_of(BEGIN + timedelta(seconds=seconds)))


def test_what_has_to_last_is_told_by_a_report_that_is_late_enough():
    rule, vehicle = make_rule({"lasts": FAST, "seconds": 120}), make_vehicle()
    for seconds, speed in ((0, 90.0), (60, 95.0), (119, 85.0)):
        say(vehicle, seconds, speed_kmh=speed)
    assert count(rule) == 0
    say(vehicle, 130, battery_pct=50.0)
    assert fired(rule) == [130]
    assert Firing.objects.get().explanation == "speed_kmh was 85, which is over 80, for 2 min or longer"


def test_a_break_begins_it_anew():
    rule, vehicle = make_rule({"lasts": FAST, "seconds": 120}), make_vehicle()
    for seconds, speed in ((0, 90.0), (60, 70.0), (61, 90.0), (130, 90.5), (181, 91.0)):
        say(vehicle, seconds, speed_kmh=speed)
    assert fired(rule) == [181]


def test_how_often_counts_what_became_true_within_the_window():
    braking = {"field": "g", "operator": "lt", "value": -0.4}
    register({"g": "number"})
    rule = begun(make_rule({"often": braking, "times": 3, "seconds": 600}))
    vehicle = make_vehicle()
    for seconds, g in (
        (0, -0.5),
        (1, -0.6),
        (2, 0.0),
        (500, -0.5),
        (501, 0.1),
        (650, -0.7),
        (651, 0.0),
        (700, -0.5),
    ):
        say(vehicle, seconds, g=g)
    assert fired(rule) == [700]


def test_changes_are_true_of_the_very_report_and_fire_each_time():
    turned = {"field": "status", "operator": "changed", "value": {"from": "MOVING", "to": "IDLE"}}
    rule, vehicle = make_rule(turned), make_vehicle()
    far = make_rule({"field": "odometer_km", "operator": "rose_by", "value": 500})
    for seconds, status, odometer in (
        (0, "MOVING", 10.0),
        (1, "IDLE", 511.0),
        (2, "MOVING", 512.0),
        (3, "IDLE", 1_013.0),
    ):
        say(vehicle, seconds, status=status, odometer_km=odometer)
    assert fired(rule) == [1, 3]
    assert fired(far) == [1, 3]
    assert not is_true(far, vehicle)


def test_silence_is_told_by_the_clock_and_ends_with_a_report():
    rule, vehicle = begun(make_rule({"silent": 1_800})), make_vehicle()
    say(vehicle, 0, speed_kmh=1.0)
    ask(1_799)
    assert count(rule) == 0
    ask(1_801)
    assert fired(rule) == [1_800]
    ask(3_000)
    say(vehicle, 3_001, speed_kmh=2.0)
    assert fired(rule) == [1_800]
    assert not is_true(rule, vehicle)
    assert Firing.objects.get().cleared_at == BEGIN + timedelta(seconds=3_001)
    assert Firing.objects.get().cause["kind"] == "time"


def test_a_gap_between_two_reports_was_silence_though_no_clock_was_asked():
    rule, vehicle = begun(make_rule({"silent": 1_800})), make_vehicle()
    say(vehicle, 0, speed_kmh=1.0)
    say(vehicle, 2_000, speed_kmh=2.0)
    assert fired(rule) == [1_800]


def test_a_report_that_tells_of_long_ago_is_silence_already():
    rule, vehicle = begun(make_rule({"silent": 1_800})), make_vehicle()
    ask(3_000)
    say(vehicle, 0, speed_kmh=1.0)
    assert fired(rule) == [1_800]


def test_hours_begin_and_end_for_a_vehicle_that_is_silent():
    begins = (BEGIN + timedelta(seconds=600)).replace(second=0)
    hours = {"from": f"{begins:%H:%M}", "to": f"{begins + timedelta(hours=1):%H:%M}"}
    rule, vehicle = begun(make_rule({"all": [FAST, {"hours": hours}]})), make_vehicle()
    say(vehicle, 0, speed_kmh=90.0)
    ask(300)
    assert count(rule) == 0
    ask(700)
    assert fired(rule) == [(begins - BEGIN).total_seconds()]
    ask(5_000)
    assert not is_true(rule, vehicle)
    say(vehicle, 5_001, speed_kmh=91.0)
    assert count(rule) == 1


def test_a_repetition_comes_by_the_clock_too():
    rule, vehicle = begun(make_rule(FAST, repeat_s=600)), make_vehicle()
    say(vehicle, 0, speed_kmh=90.0)
    ask(1_300)
    assert fired(rule) == [0, 600, 1_200]
    say(vehicle, 1_900, speed_kmh=50.0)
    assert fired(rule) == [0, 600, 1_200, 1_800]
    ask(3_000)
    assert count(rule) == 4


def test_hysteresis_cooldown_and_repetition():
    slow = {"field": "speed_kmh", "operator": "le", "value": 70}
    rule = begun(make_rule(FAST, clear=slow, repeat_s=600))
    vehicle = make_vehicle()
    for seconds, speed in ((0, 90.0), (10, 75.0), (20, 90.0), (700, 91.0), (800, 70.0), (900, 90.0)):
        say(vehicle, seconds, speed_kmh=speed)
    assert fired(rule) == [0, 600, 900]
    assert list(Firing.objects.order_by("pk").values_list("kind", flat=True)) == [
        "FIRED",
        "REPEATED",
        "FIRED",
    ]
    cleared = [one.cleared_at for one in Firing.objects.order_by("pk")]
    assert cleared == [BEGIN + timedelta(seconds=800)] * 2 + [None]


def test_a_cooldown_holds_back_and_is_counted():
    rule, vehicle = make_rule(FAST, cooldown_s=100), make_vehicle()
    for seconds, speed in ((0, 90.0), (10, 70.0), (20, 90.0), (30, 70.0), (100, 90.0)):
        say(vehicle, seconds, speed_kmh=speed)
    assert fired(rule) == [0, 100]
    assert rule.total.held_back == 1


def test_a_limit_for_all_vehicles_holds_across_them():
    rule = make_rule(FAST, per_day_rule=2)
    for number in range(4):
        say(make_vehicle(f"VH-{number}"), number, speed_kmh=90.0)
    assert count(rule) == 2
    assert rule.total.held_back == 2
    assert RuleState.objects.filter(rule=rule, is_true=True).count() == 4
