"""Crossings, exactly once each, however batches pile up."""

import pytest
from django.utils import timezone

from accounts.models import Cause, Membership
from accounts.tests.factories import FleetFactory, UserFactory
from rules.lanes import drain, drain_lane, scan_rules, take_lane, work_lane
from rules.models import Firing, FiringAction, RuleScan
from rules.services import create_rule, disable_rules, enable_rules, update_rule
from rules.tests.factories import (
    EVERYTHING,
    OVER,
    administrator,
    count,
    is_true,
    make_rule,
    make_vehicle,
    report,
)
from vehicle_management.models import LANES, ChangeBatch, VehicleStatus
from vehicle_management.services import (
    hide_vehicles,
    restore_vehicle,
    update_vehicle,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_fires_once_when_the_pattern_becomes_true():
    rule, vehicle = make_rule(), make_vehicle()
    for odometer, fired in [(9_000, 0), (10_412, 1), (10_500, 1), (9_999, 1), (10_001, 2)]:
        report(vehicle, row=12, odometer_km=float(odometer))
        drain()
        assert count(rule) == fired, odometer
    firing = Firing.objects.last()
    assert firing.explanation == "odometer_km was 10,412, which is over 10,000"
    assert firing.cause == {
        "kind": "upload", "upload_id": 7, "name": "status.csv", "uploaded_by": "a@b.example", "row": 12,
    }  # fmt: skip
    action = FiringAction.objects.get(firing=firing)
    assert action.params == {"level": "WARNING", "message": "VH-1 is at 10412 km"}
    assert (action.status, action.attempts) == ("PENDING", 0)


def test_from_true_over_unknown_to_true_nothing_fires_anew():
    rule, vehicle = make_rule(), make_vehicle()
    for odometer in (10_412.0, None, 10_500.0):
        report(vehicle, odometer_km=odometer)
        drain()
    assert count(rule) == 1


def test_batches_that_wait_together_are_replayed_one_by_one():
    rule, vehicle = make_rule(), make_vehicle()
    for odometer in (9_000.0, 10_412.0, 9_500.0, 11_000.0, 9_000.0):
        report(vehicle, odometer_km=odometer)
    drain()
    explanations = Firing.objects.filter(rule=rule).order_by("pk").values_list("explanation", flat=True)
    assert [told[:22] for told in explanations] == ["odometer_km was 10,412", "odometer_km was 11,000"]
    assert not is_true(rule, vehicle)


def test_a_later_batch_that_is_not_taken_yet_does_not_hide_a_crossing(monkeypatch):
    monkeypatch.setattr("rules.pending.MOST_VEHICLES", 1)
    rule, vehicle = (
        make_rule({"all": [OVER, {"field": "status", "operator": "eq", "value": "MOVING"}]}),
        make_vehicle(),
    )
    report(vehicle, status="MOVING")
    report(vehicle, odometer_km=10_412.0)
    report(vehicle, status="IDLE")
    fired = []
    while work_lane(vehicle.pk % LANES):
        fired.append(count(rule))
    assert fired == [0, 0, 1, 1]
    assert not is_true(rule, vehicle)


def test_values_that_other_batches_changed_meanwhile_are_not_seen_too_early(monkeypatch):
    monkeypatch.setattr("rules.pending.MOST_VEHICLES", 1)
    pattern = {"all": [{"field": "speed_kmh", "operator": "gt", "value": 80}, OVER]}
    rule, vehicle = make_rule(pattern), make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    report(vehicle, odometer_km=9_000.0)
    report(vehicle, speed_kmh=90.0)
    report(vehicle, odometer_km=10_500.0)
    drain_lane(vehicle.pk % LANES)
    (firing,) = Firing.objects.filter(rule=rule)
    assert firing.explanation.endswith("odometer_km was 10,500, which is over 10,000")


def test_a_vehicle_may_change_twice_in_one_batch():
    rule, vehicle = make_rule(), make_vehicle()
    drain()
    report(vehicle, odometer_km=5.0)
    VehicleStatus.objects.filter(pk=vehicle.pk).update(odometer_km=10_300)
    ChangeBatch.objects.create(
        lane=vehicle.pk % LANES,
        cause=Cause.of({"kind": "message"}),
        fields=["status.odometer_km"],
        vehicles=[vehicle.pk] * 4,
        rows=[2, 3, 4, 5],
        old=[[5.0], [10_100.0], [1.0], [10_200.0]],
        new=[[10_100.0], [1.0], [10_200.0], [10_300.0]],
    )
    drain()
    firings = Firing.objects.filter(rule=rule).order_by("pk")
    assert [(firing.seq, firing.cause["row"]) for firing in firings] == [(0, 2), (1, 4)]


def created_with_status(**values):
    """As the import of a file does it: a batch that creates, then one with the first status."""
    vehicle = make_vehicle()
    ChangeBatch.objects.filter(vehicles__contains=[vehicle.pk]).update(old=None)
    VehicleStatus.objects.create(vehicle=vehicle, recorded_at=timezone.now(), **values)
    ChangeBatch.objects.create(
        lane=vehicle.pk % LANES,
        cause=Cause.of({"kind": "upload"}),
        fields=[f"status.{name}" for name in values],
        vehicles=[vehicle.pk],
        rows=[9],
        old=None,
        new=[list(values.values())],
    )
    return vehicle


@pytest.mark.parametrize("at_once", [20_000, 1])
@pytest.mark.parametrize("skip", [False, True])
def test_a_vehicle_that_is_created_with_a_status_is_not_seen_without_it(monkeypatch, at_once, skip):
    monkeypatch.setattr("rules.pending.MOST_VEHICLES", at_once)
    unknown = make_rule({"field": "odometer_km", "operator": "is_not_set"}, name="unknown")
    rule = make_rule({"all": [OVER, {"field": "plate", "operator": "is_not_set"}]}, skip_current=skip)
    vehicle = created_with_status(odometer_km=10_412.0)
    drain()
    assert count(unknown) == 0
    assert is_true(rule, vehicle)
    assert [firing.cause["row"] for firing in Firing.objects.all()] == ([] if skip else [9])


def test_a_vehicle_that_is_created_and_changed_while_a_rule_waits_to_scan_is_walked_back():
    vehicle = created_with_status(odometer_km=10_412.0)
    rule = create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING}, by=administrator())
    report(vehicle, odometer_km=9_000.0)
    drain()
    assert count(rule) == 1
    assert not is_true(rule, vehicle)


def test_a_batch_is_done_once():
    rule, vehicle = make_rule(), make_vehicle(plate="AB 1")
    report(vehicle, odometer_km=10_412.0)
    assert drain() > 0
    assert drain() == 0
    assert count(rule) == 1
    assert not ChangeBatch.objects.filter(done_at__isnull=True).exists()


def test_a_batch_is_published_before_it_is_done_and_again_when_that_fails():
    make_rule()
    vehicle = make_vehicle()
    told = []

    def publish(batches):
        told.append(batches)
        if len(told) == 1:
            raise ConnectionError("the bus is away")

    with pytest.raises(ConnectionError):
        work_lane(vehicle.pk % LANES, publish)
    assert ChangeBatch.objects.filter(done_at__isnull=True).count() == 1
    assert work_lane(vehicle.pk % LANES, publish) == 1
    assert told[0] == told[1]


def test_without_rules_batches_are_done_without_being_read(django_assert_max_num_queries):
    vehicle = make_vehicle()
    report(vehicle, odometer_km=1.0)
    work_lane(vehicle.pk % LANES)
    report(vehicle, odometer_km=2.0)
    with django_assert_max_num_queries(7) as captured:
        assert work_lane(vehicle.pk % LANES) == 1
    assert not any('"new"' in query["sql"] for query in captured)


def test_every_part_of_a_vehicle_can_be_watched():
    vehicle = make_vehicle(plate="AB 1", attributes={"axles": 3})
    report(vehicle, tyre_wear=0.4, checked_at="2026-01-31T08:00:00Z")
    drain()
    patterns = [
        {"field": "plate", "operator": "starts_with", "value": "ab"},
        {"field": "axles", "operator": "ge", "value": 3},
        {"field": "tyre_wear", "operator": "lt", "value": 0.5},
        {"field": "checked_at", "operator": "lt", "value": "2026-01-31T08:00:01Z"},
        {"field": "fleet_id", "operator": "eq", "value": vehicle.fleet.fleet_id},
        {"field": "customer_id", "operator": "is_not_set"},
        {"field": "in_service_date", "operator": "is_not_set"},
    ]
    rules = [make_rule(pattern) for pattern in patterns]
    assert [count(rule) for rule in rules] == [1] * len(rules)
    update_vehicle(
        vehicle,
        {"plate": "ZZ", "attributes": {"axles": 2}, "in_service_date": timezone.now().date()},
        by=administrator(),
    )
    drain()
    assert [is_true(rule, vehicle) for rule in rules] == [False, False, True, True, True, True, False]


def test_a_deleted_vehicle_is_forgotten_and_fires_again_when_restored():
    rule, vehicle = make_rule(), make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    drain()
    hide_vehicles([vehicle.pk], by=administrator())
    drain()
    assert not is_true(rule, vehicle)
    restore_vehicle(vehicle, by=administrator())
    drain()
    assert count(rule) == 2


def test_leaving_and_entering_a_fleet_counts_while_batches_wait():
    fleet, other = FleetFactory(), FleetFactory()
    rule, vehicle = make_rule(scope={"fleets": [fleet.fleet_id]}), make_vehicle(fleet=other)
    report(vehicle, odometer_km=10_412.0)
    drain()
    assert count(rule) == 0
    for home in (fleet, other, fleet):
        vehicle = update_vehicle(vehicle, {"fleet": home}, by=administrator())
    drain()
    assert count(rule) == 2
    assert is_true(rule, vehicle)


def test_what_is_true_already_when_a_rule_starts_fires_with_the_change_that_made_it_so():
    vehicle = make_vehicle()
    report(vehicle, row=4_812, odometer_km=10_412.0)
    report(vehicle, row=4_813, speed_kmh=3.0)
    drain()
    rule = make_rule()
    (firing,) = Firing.objects.filter(rule=rule)
    assert (firing.cause["row"], firing.cause["at_start"]) == (4_812, True)
    assert firing.batch is None


def test_a_created_vehicle_tells_its_creation_when_it_was_true_from_the_start():
    vehicle = make_vehicle(make="Volvo")
    drain()
    rule = make_rule({"field": "make", "operator": "eq", "value": "Volvo"})
    (firing,) = Firing.objects.filter(rule=rule)
    assert firing.cause["kind"] == "user"
    assert firing.vehicle == vehicle


@pytest.mark.parametrize("skip", [False, True])
def test_a_vehicle_that_comes_with_its_values_fires_unless_the_rule_skips_what_is_current(skip):
    rule = make_rule({"field": "make", "operator": "eq", "value": "Volvo"}, skip_current=skip)
    vehicle = make_vehicle(make="Volvo")
    drain()
    assert count(rule) == (0 if skip else 1)
    assert is_true(rule, vehicle)
    for make in ("Saab", "Volvo"):
        update_vehicle(vehicle, {"make": make}, by=administrator())
        drain()
    assert count(rule) == (1 if skip else 2)


def test_a_rule_that_skips_tells_what_is_current_from_what_becomes_true_before_its_scan():
    fleet = FleetFactory()
    old, new, given = (
        make_vehicle("old", fleet),
        make_vehicle("new", fleet),
        make_vehicle("given", FleetFactory()),
    )
    for vehicle in (old, given):
        report(vehicle, odometer_km=10_412.0)
    # Nothing is worked on between: the first batches are from before the rule, the others from after.
    rule = create_rule(
        {"name": "r", "pattern": OVER, "scope": {"fleets": [fleet.fleet_id]}, "skip_current": True},
        by=administrator(),
    )
    report(new, odometer_km=10_412.0)
    report(old, odometer_km=10_413.0)
    update_vehicle(given, {"fleet": fleet}, by=administrator())
    drain()
    assert list(Firing.objects.values_list("vehicle__vehicle_id", flat=True)) == ["new"]
    assert all(is_true(rule, vehicle) for vehicle in (old, new, given))


def test_what_happened_before_a_rule_was_made_is_not_its_matter():
    vehicle = make_vehicle()
    for odometer in (10_412.0, 9_000.0):
        report(vehicle, odometer_km=odometer)
    rule = create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING}, by=administrator())
    drain()
    assert count(rule) == 0


def test_what_was_true_at_the_start_fires_although_it_ended_before_the_scan():
    vehicle = make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    rule = create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING}, by=administrator())
    report(vehicle, odometer_km=9_000.0)
    drain()
    assert count(rule) == 1
    assert not is_true(rule, vehicle)


def test_a_changed_pattern_is_a_rule_made_anew():
    rule, vehicle = make_rule(), make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    drain()
    rule = update_rule(rule, {"pattern": {**OVER, "value": 10_001}}, by=administrator())
    drain()
    assert (rule.version, count(rule)) == (2, 2)
    assert set(Firing.objects.values_list("rule_version", flat=True)) == {1, 2}
    rule = update_rule(rule, {"name": "Other", "actions": []}, by=administrator())
    drain()
    assert (rule.version, rule.epoch, count(rule)) == (3, 2, 2)


def test_a_disabled_rule_does_nothing_and_begins_anew_when_enabled():
    rule, vehicle = make_rule(), make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    drain()
    disable_rules([rule], by=administrator())
    report(vehicle, odometer_km=1.0)
    report(vehicle, odometer_km=10_500.0)
    drain()
    assert count(rule) == 1
    enable_rules([rule], by=administrator())
    drain()
    assert count(rule) == 2
    assert not RuleScan.objects.exists()


def test_a_scope_is_cut_to_what_its_maker_sees_at_the_time():
    fleet, other = FleetFactory(), FleetFactory()
    manager = UserFactory(role="MANAGER", fleets=[fleet])
    rule = make_rule(by=manager)
    mine, theirs = make_vehicle("mine", fleet), make_vehicle("theirs", other)
    for vehicle in (mine, theirs):
        report(vehicle, odometer_km=10_412.0)
    drain()
    assert list(Firing.objects.values_list("vehicle__vehicle_id", flat=True)) == ["mine"]
    Membership.objects.create(user=manager, fleet=other)
    drain()
    assert set(Firing.objects.values_list("vehicle__vehicle_id", flat=True)) == {"mine", "theirs"}
    manager.memberships.filter(fleet=fleet).delete()
    drain()
    assert not is_true(rule, mine)
    assert is_true(rule, theirs)


def test_an_inactive_makers_rule_watches_nothing():
    fleet = FleetFactory()
    manager = UserFactory(role="MANAGER", fleets=[fleet])
    rule, vehicle = make_rule(by=manager), make_vehicle(fleet=fleet)
    manager.is_active = False
    manager.save()
    report(vehicle, odometer_km=10_412.0)
    drain()
    assert count(rule) == 0


def test_an_empty_scope_watches_nothing():
    rule = make_rule(scope={})
    report(make_vehicle(), odometer_km=10_412.0)
    drain()
    assert count(rule) == 0


def test_a_scan_waits_for_batches_from_before_the_rule():
    vehicle = make_vehicle()
    lane = vehicle.pk % LANES
    create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING}, by=administrator())
    assert scan_rules(lane) == 0
    work_lane(lane)
    assert scan_rules(lane) == 1


def test_a_lane_is_held_by_one():
    with take_lane(3) as taken:
        assert taken


@pytest.mark.parametrize("at_once", [20_000, 1])
def test_what_was_true_at_the_start_fires_although_the_vehicle_left_before_the_scan(monkeypatch, at_once):
    monkeypatch.setattr("rules.pending.MOST_VEHICLES", at_once)
    vehicle = make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    rule = create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING}, by=administrator())
    hide_vehicles([vehicle.pk], by=administrator())
    drain()
    assert count(rule) == 1
    assert not is_true(rule, vehicle)
