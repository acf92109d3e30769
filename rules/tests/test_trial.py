"""A rule tried over history: what it would have done, and that nothing is done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.tests.factories import FleetFactory, UserFactory
from rules import trial
from rules.machine import Kind
from rules.models import Firing, Rule
from rules.trial import Found, Together, hold_back_together
from rules.trial_draft import read_draft, read_span
from rules.trial_run import try_over_history
from telemetry.tests.factories import store
from vehicle_management.models import Vehicle, VehicleStatus
from vehicle_management.services import StatusRow, create_vehicles, record_statuses

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
LOG = {"type": "store_log", "message": "$vehicle_id drives $speed_kmh km/h"}
EVERYTHING = {"everything": True}


@pytest.fixture
def person() -> Any:
    return UserFactory(role="ADMINISTRATOR")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def make_vehicle(vehicle_id: str = "VH-1", **values: Any) -> Vehicle:
    by = UserFactory(role="ADMINISTRATOR")
    values.setdefault("fleet", FleetFactory())
    return create_vehicles([{"vehicle_id": vehicle_id, **values}], by=by)[0]


def drive(vehicle: Vehicle, *speeds: float, first: float = 0, step: float = 10) -> None:
    """Readings, and the status that they leave."""
    told = [(at(first + place * step), {"speed_kmh": speed}) for place, speed in enumerate(speeds)]
    store(vehicle, told)
    last = {"recorded_at": told[-1][0], **told[-1][1]}
    VehicleStatus.objects.update_or_create(vehicle=vehicle, defaults=last)


def tried(person: Any, pattern: Any = FAST, *, first: float = 0, last: float = 3_600, **values: Any) -> Any:
    vehicles = values.pop("on", None)
    values = {"scope": EVERYTHING, "pattern": pattern, **values}
    draft = read_draft(values, by=person, vehicles=vehicles)
    return try_over_history(draft, at(first), at(last))


def times(told: Any) -> list[float]:
    return [(datetime.fromisoformat(one["at"]) - NOON).total_seconds() for one in told["first_firings"]]


def test_it_fires_at_each_edge_and_tells_why_and_until_when(person) -> None:
    drive(make_vehicle(), 50, 90, 95, 60, 81, 70)
    told = tried(person)
    assert times(told) == [10, 40]
    first = told["first_firings"][0]
    assert first["explanation"] == "speed_kmh was 90, which is over 80"
    assert first["until"] == "2026-03-02T12:00:30Z"
    assert first["values"] == {"speed_kmh": 90}
    assert (told["firings"], told["readings"], told["vehicles"]) == (2, 6, 1)
    assert told["minutes_true"] == 0.5
    assert told["days"] == [
        {"day": "2026-03-02", "firings": 2, "repeats": 0, "held_back": 0, "minutes_true": 0.5}
    ]
    assert told["by_vehicle"][0]["true"][0] == {
        "from": "2026-03-02T12:00:10Z",
        "until": "2026-03-02T12:00:30Z",
    }
    assert told["sentence"] == "When speed_kmh is over 80"


def test_nothing_is_stored_or_done(person) -> None:
    drive(make_vehicle(), 50, 90)
    tried(person, actions=[LOG, {"type": "create_task", "title": "Look at $vehicle_id"}])
    assert not Rule.all_objects.exists()
    assert not Firing.objects.exists()


def test_it_tells_what_each_action_would_have_said_and_to_whom(person) -> None:
    drive(make_vehicle(), 50, 90.5)
    mail = {"type": "send_email", "to": ["role:ADMINISTRATOR"], "subject": "$rule: $vehicle_id"}
    told = tried(person, actions=[LOG, mail, {**mail, "to": "customer"}], name="Too fast")
    log, to_people, to_nobody = told["first_firings"][0]["actions"]
    assert log["params"]["message"] == "VH-1 drives 90.5 km/h"
    assert to_people["params"]["subject"] == "Too fast: VH-1"
    assert person.email in to_people["to"]
    assert "Nobody is left to write to" in to_nobody["fault"]


def test_the_readings_around_a_firing_are_told(person) -> None:
    drive(make_vehicle(), 10, 20, 30, 90, 95, 60, 50)
    around = tried(person)["first_firings"][0]["around"]
    assert [one["values"]["speed_kmh"] for one in around] == [20, 30, 90, 95, 60]


def test_what_is_true_when_it_begins_fires_then_unless_that_is_skipped(person) -> None:
    drive(make_vehicle(), 90, 95, 60)
    told = tried(person, first=5)
    assert times(told) == [5]
    assert told["first_firings"][0]["at_start"]
    assert tried(person, first=5, skip_current=True)["firings"] == 0
    assert tried(person, first=5, skip_current=True)["minutes_true"] == 0.2


def test_conditions_over_time_go_by_event_time(person) -> None:
    drive(make_vehicle(), 90, 95, 90, 60, 90, 60)
    assert times(tried(person, {"lasts": FAST, "seconds": 20})) == [20]
    assert times(tried(person, {"often": FAST, "times": 2, "seconds": 100})) == [40]
    silent = tried(person, {"silent": 600}, last=2_000)
    assert times(silent) == [650]
    assert silent["first_firings"][0]["until"] is None


def test_silence_from_before_the_trial_is_found_when_it_begins(person) -> None:
    drive(make_vehicle(), 10)
    assert times(tried(person, {"silent": 600}, first=1_000, last=2_000)) == [1_000]


def test_a_vehicles_cooldown_and_limit_hold_it_back(person) -> None:
    drive(make_vehicle(), *([90, 50] * 5))
    told = tried(person, cooldown_s=45)
    assert times(told) == [0, 60]
    assert told["held_back"] == 3
    assert "the cooldown is 45 s" in told["first_held_back"][0]["why"]
    assert tried(person, per_day=2)["firings"] == 2


def test_the_rules_own_cooldown_and_limit_go_over_all_vehicles_in_order_of_time(person) -> None:
    fleet = FleetFactory()
    for place in range(3):
        drive(make_vehicle(f"VH-{place}", fleet=fleet), 50, 90, 50, 90, first=place)
    told = tried(person, cooldown_rule_s=20)
    assert times(told) == [10, 30]
    assert told["held_back"] == 4
    assert times(tried(person, per_day_rule=3)) == [10, 11, 12]


def test_the_rules_own_limit_counts_by_day() -> None:
    day = 86_400_000
    found = [Found(1, moment, Kind.FIRE) for moment in (day, day + 1, 2 * day)]
    hold_back_together(found, Together(per_day=1))
    assert [one.kind for one in found] == [Kind.FIRE, Kind.HOLD_BACK, Kind.FIRE]


def test_repetitions_are_told_apart_from_firings(person) -> None:
    drive(make_vehicle(), *([90] * 7))
    told = tried(person, repeat_s=30)
    assert (told["firings"], told["repeats"]) == (1, 119)
    assert told["first_firings"][1]["kind"] == "REPEATED"


def test_what_files_and_people_say_counts_too(person) -> None:
    vehicle = make_vehicle()
    drive(vehicle, 50)
    record_statuses([StatusRow(vehicle.pk, {"speed_kmh": 99.0}, at(15))], cause={"kind": "user"})
    told = tried(person)
    assert times(told) == [15]
    assert (told["readings"], told["changes"]) == (1, 1)


def test_only_vehicles_that_one_sees_are_tried() -> None:
    mine, other = FleetFactory(), FleetFactory()
    manager = UserFactory(role="MANAGER", fleets=[mine])
    drive(make_vehicle("VH-1", fleet=mine), 90)
    drive(make_vehicle("VH-2", fleet=other), 90)
    assert [one["vehicle_id"] for one in tried(manager)["first_firings"]] == ["VH-1"]
    with pytest.raises(ValidationError, match="no vehicle VH-2 that you may see"):
        tried(manager, on=["VH-2"])


def test_vehicles_may_be_named_beside_the_scope(person) -> None:
    drive(make_vehicle("VH-1"), 90)
    drive(make_vehicle("VH-2"), 90)
    told = tried(person, on=["VH-2"], scope={"vehicles": ["VH-1"]})
    assert [one["vehicle_id"] for one in told["first_firings"]] == ["VH-2"]


def test_what_is_wrong_is_told_by_its_path(person) -> None:
    with pytest.raises(ValidationError) as caught:
        tried(person, {"field": "speed", "operator": "gt", "value": 8}, cooldown_s=-1)
    assert {"pattern.field", "cooldown_s"} <= caught.value.message_dict.keys()
    with pytest.raises(ValidationError, match="give a scope"):
        read_draft({"pattern": FAST}, by=person)


@pytest.mark.parametrize(
    ("start", "end"), [(None, at(0)), (at(5), at(5)), (at(-86_400 * 401), at(0)), (at(10**9), at(2 * 10**9))]
)
def test_a_span_lies_in_the_past_and_is_no_longer_than_400_days(start, end) -> None:
    with pytest.raises(ValidationError):
        read_span(start, end)


def test_a_repetition_that_was_not_stepped_through_is_told(person) -> None:
    drive(make_vehicle(), 90)
    told = tried(person, repeat_s=10, last=200_000)
    assert told["repeats"] == 10_000
    assert told["first_cut"] == [{"vehicle_id": "VH-1", "at": "2026-03-03T15:46:40Z"}]
    assert tried(person, repeat_s=60, last=200_000)["first_cut"] == []


def test_a_rule_that_would_repeat_itself_too_often_is_refused(person, monkeypatch) -> None:
    monkeypatch.setattr(trial, "MOST_REPEATED", 100)
    drive(make_vehicle(), 90)
    with pytest.raises(ValidationError) as refused:
        tried(person, repeat_s=10)
    told = (
        "Repeated every 10 s, the rule would tell over 100 times; choose a shorter time, fewer vehicles, or at "
        "least 36 s."
    )
    assert refused.value.message_dict == {"repeat_s": [told]}
    assert tried(person, repeat_s=36)["repeats"] == 99
