"""What a lane works on at once comes to the same as what it works on one by one."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from alerts.models import Alert
from feed_processor.readings import take_readings
from msg_pattern.bus import Entry
from rules.lanes import drain
from rules.models import Firing
from rules.moments import ms_of
from rules.tests.factories import make_rule, make_vehicle

pytestmark = pytest.mark.django_db
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
RAISE = {"type": "raise_alert", "alert_type": "OVERSPEED", "severity": "HIGH"}
SPEEDS = [70.0, 85.0, 90.0, 95.0, 60.0, 85.0, 99.0, 81.0, 82.0, 83.0, 84.0, 70.0, 85.0, 86.0]


class Taken:
    """Where entries are acknowledged."""

    def acknowledge(self, entries):
        pass


def hear(vehicle, *, each_by_itself):
    """A reading in ten seconds, in one message each; the lanes work on each, or on all together."""
    for place, speed in enumerate(SPEEDS):
        at = BEGIN + timedelta(seconds=10 * place)
        told = {"vehicle_id": vehicle.vehicle_id, "timestamp": at.isoformat(), "speed_kmh": speed}
        take_readings(Taken(), [Entry(str(place), orjson.dumps(told), "key:1", ms_of(at))])
        if each_by_itself:
            drain()
    drain()


def seconds(at):
    return None if at is None else (at - BEGIN).total_seconds()


def fired(rule):
    rows = Firing.objects.filter(rule=rule).order_by("occurred_at")
    return [(one.kind[0], seconds(one.occurred_at), seconds(one.cleared_at)) for one in rows]


def raised():
    return [
        (seconds(one.triggered_at), seconds(one.last_at), one.count, one.worst_value, seconds(one.closed_at))
        for one in Alert.objects.order_by("triggered_at")
    ]


@pytest.mark.parametrize("each_by_itself", [True, False])
def test_an_alert_counts_every_report_that_says_so(each_by_itself):
    make_rule(FAST, actions=[RAISE])
    hear(make_vehicle(), each_by_itself=each_by_itself)
    assert raised() == [(10, 30, 3, 95, 40), (50, 100, 6, 99, 110), (120, 130, 2, 86, None)]


@pytest.mark.parametrize("each_by_itself", [True, False])
def test_what_is_told_again_is_counted_once(each_by_itself):
    rule = make_rule(FAST, actions=[RAISE], repeat_s=20)
    hear(make_vehicle(), each_by_itself=each_by_itself)
    assert fired(rule) == [
        ("F", 10, 40),
        ("R", 30, 40),
        ("F", 50, 110),
        ("R", 70, 110),
        ("R", 90, 110),
        ("F", 120, None),
    ]
    assert raised() == [(10, 30, 3, 95, 40), (50, 100, 6, 99, 110), (120, 130, 2, 86, None)]


@pytest.mark.parametrize("each_by_itself", [True, False])
def test_what_lasts_is_seen_by_the_report_that_says_so(each_by_itself):
    rule = make_rule({"lasts": FAST, "seconds": 20})
    hear(make_vehicle(), each_by_itself=each_by_itself)
    assert fired(rule) == [("F", 30, 40), ("F", 70, 110)]


@pytest.mark.parametrize("each_by_itself", [True, False])
def test_what_happened_often_ends_in_time(each_by_itself):
    rule = make_rule({"often": FAST, "times": 2, "seconds": 60})
    hear(make_vehicle(), each_by_itself=each_by_itself)
    assert fired(rule) == [("F", 50, 70)]
