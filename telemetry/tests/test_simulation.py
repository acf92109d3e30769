"""Simulated vehicles drive as vehicles do, obey, and do wrong what the scenario says and nothing else."""

import math
import threading
import time
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from queue import SimpleQueue

import pytest

from telemetry.simulation import scenarios
from telemetry.simulation.fleet import SimulatedFleet
from telemetry.simulation.http import Away
from telemetry.simulation.orders import Order, OrderRefused, waypoints_of
from telemetry.simulation.outbox import Outbox
from telemetry.simulation.scenarios import SCENARIOS, Faults, Scenario
from telemetry.simulation.simulator import Pace, Simulator
from telemetry.simulation.streets import AREAS, streets_of
from telemetry.simulation.transports import Refused, Sent
from telemetry.simulation.vehicles import Known

BEGAN_S = 1_770_000_000.0
G_MS2 = 9.80665


def a_fleet(
    scenario="normal", *, area="bogota", seed="1", vehicles=12, known=(), at_s=BEGAN_S
) -> SimulatedFleet:
    scenario = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    fleet = SimulatedFleet(streets_of(area), scenario, seed=seed)
    for one in known or [Known(f"VH-{number:03}") for number in range(vehicles)]:
        fleet.add(one, at_s=at_s)
    return fleet


def with_faults(**faults) -> Scenario:
    return Scenario("test", parked_s=(20, 60), parked_share=0, faults=Faults(**faults))


def drive(fleet, seconds, *, every_s=1.0, from_s=0.0):
    """Every reading that goes out, in the order in which it does."""
    readings = []
    for turn in range(1, round(seconds / every_s) + 1):
        readings += fleet.report(list(fleet.vehicles), at_s=BEGAN_S + from_s + turn * every_s)
    return readings


def by_vehicle(readings):
    """Each vehicle's readings in the order of their times, each once."""
    told = defaultdict(dict)
    for reading in readings:
        told[reading["vehicle_id"]][reading["timestamp"]] = reading
    return {id_: [one for _at, one in sorted(times.items())] for id_, times in told.items()}


def metres_between(one, other):
    lat, lon, to_lat, to_lon = map(
        math.radians, (one["latitude"], one["longitude"], other["latitude"], other["longitude"])
    )
    half = math.sin((to_lat - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(to_lat) * math.sin((to_lon - lon) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(half))


def bearing_between(one, other):
    north = other["latitude"] - one["latitude"]
    east = (other["longitude"] - one["longitude"]) * math.cos(math.radians(one["latitude"]))
    return math.degrees(math.atan2(east, north)) % 360


def seconds_between(one, other):
    at, later = (datetime.fromisoformat(reading["timestamp"]) for reading in (one, other))
    return (later - at).total_seconds()


# ---------------------------------------------------------------- how it drives


@pytest.mark.parametrize("area", AREAS)
def test_vehicles_stay_in_their_area(area):
    streets = streets_of(area)
    for reading in drive(a_fleet("high-load", area=area, vehicles=5), 600, every_s=5):
        assert streets.holds(reading["latitude"], reading["longitude"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nobody_jumps_and_no_odometer_goes_back(scenario):
    for readings in by_vehicle(drive(a_fleet(scenario), 900)).values():
        for one, other in pairwise(readings):
            driven_m = (other["odometer_km"] - one["odometer_km"]) * 1000
            assert driven_m >= 0
            # An odometer tells whole metres.
            assert metres_between(one, other) <= driven_m + 1.3
            assert driven_m <= (scenarios.OVERSPEED_KMH / 3.6) * seconds_between(one, other) + 1.1


def test_the_way_driven_fits_the_speeds_told():
    for readings in by_vehicle(drive(a_fleet("high-load"), 300)).values():
        for one, other in pairwise(readings):
            mean_ms = (one["speed_kmh"] + other["speed_kmh"]) / 2 / 3.6
            assert (other["odometer_km"] - one["odometer_km"]) * 1000 == pytest.approx(mean_ms, abs=2.3)


def test_nobody_exceeds_the_limit_or_brakes_harshly_on_an_ordinary_day():
    readings = drive(a_fleet(vehicles=30), 900)

    assert max(one["speed_kmh"] for one in readings) <= 60
    assert min(one["g_force_long"] for one in readings) > -0.4
    assert max(one["g_force_long"] for one in readings) < 0.3


def test_the_speed_changes_as_fast_as_the_felt_acceleration_says():
    for readings in by_vehicle(drive(a_fleet("fault-injection"), 600)).values():
        for one, other in pairwise(readings):
            change_ms2 = (other["speed_kmh"] - one["speed_kmh"]) / 3.6 / seconds_between(one, other)
            if seconds_between(one, other) == 1:
                # A vehicle that reaches its destination ends its last crawl at once.
                assert abs(change_ms2) <= abs(other["g_force_long"]) * G_MS2 + 0.1


def test_the_heading_is_where_it_goes():
    checked = 0
    for readings in by_vehicle(drive(a_fleet("high-load"), 300)).values():
        for one, other in pairwise(readings):
            if one["heading_deg"] == other["heading_deg"] and metres_between(one, other) > 5:
                off = abs(bearing_between(one, other) - one["heading_deg"]) % 360
                assert min(off, 360 - off) < 3
                checked += 1
    assert checked > 1_000


def test_vehicles_stop_at_lights_and_at_destinations():
    readings = by_vehicle(drive(a_fleet(vehicles=20), 1_800, every_s=2))
    told = [one for own in readings.values() for one in own]

    at_lights = [one for one in told if one["speed_kmh"] == 0 and one["ignition"]]
    parked = [one for one in told if not one["ignition"]]
    assert len(at_lights) > 100
    assert {one["status"] for one in at_lights} <= {"IDLE", "STOPPED", "LOW_BATTERY"}
    assert {one["status"] for one in parked} <= {"STOPPED", "LOW_BATTERY"}
    assert all(one["speed_kmh"] == 0 for one in parked)
    # Everybody who parked set off again.
    assert all(any(one["speed_kmh"] > 20 for one in own) for own in readings.values())


def test_under_high_load_all_drive_and_report_at_the_interval():
    fleet = a_fleet("high-load", vehicles=40)
    readings = drive(fleet, 60)

    assert len(readings) == 40 * 60
    assert all(any(one["speed_kmh"] > 0 for one in own) for own in by_vehicle(readings).values())
    assert all(one["ignition"] for one in readings)


def test_fuel_and_battery_run_down_and_the_engine_warms():
    known = [
        Known("diesel", fuel_pct=50, engine_temp_c=20, is_electric=False),
        Known("electric", battery_pct=60, engine_temp_c=20, is_electric=True),
    ]
    told = by_vehicle(drive(a_fleet("high-load", known=known), 1_200, every_s=2))

    diesel, electric = told["diesel"], told["electric"]
    km = diesel[-1]["odometer_km"] - diesel[0]["odometer_km"]
    assert diesel[-1]["fuel_pct"] == pytest.approx(50 - 0.14 * km - 0.36, abs=0.15)
    assert 85 < diesel[-1]["engine_temp_c"] < 95
    assert electric[-1]["battery_pct"] < 60
    assert "fuel_pct" not in electric[-1]


def test_an_empty_vehicle_is_filled_where_it_parks():
    known = [
        Known("electric", battery_pct=15, is_electric=True),
        Known("diesel", fuel_pct=11, is_electric=False),
    ]
    told = by_vehicle(drive(a_fleet(known=known), 3 * 3600, every_s=10))

    assert max(one["battery_pct"] for one in told["electric"]) >= 80
    assert max(one["fuel_pct"] for one in told["diesel"]) >= 90
    assert "LOW_BATTERY" in {one["status"] for one in told["electric"]}


# ---------------------------------------------------------------- beginning and going on


def test_a_vehicle_begins_where_it_was_last_seen():
    known = Known(
        "VH-1", latitude=4.66, longitude=-74.10, odometer_km=84_211.5, battery_pct=71.5, fuel_pct=40,
        engine_temp_c=88, load_pct=30, is_electric=False,
    )  # fmt: skip
    first = drive(a_fleet("high-load", known=[known]), 0.1, every_s=0.1)[0]

    assert metres_between(first, {"latitude": 4.66, "longitude": -74.10}) < AREAS["bogota"].block_m
    assert first["odometer_km"] == pytest.approx(84_211.5, abs=0.01)
    assert (first["battery_pct"], first["fuel_pct"], first["load_pct"]) == (71.5, 40, 30)


def test_a_restart_goes_on_where_the_one_before_stopped():
    last = {id_: own[-1] for id_, own in by_vehicle(drive(a_fleet("high-load"), 301)).items()}
    names = [name for name in Known.__slots__ if name not in ("vehicle_id", "is_electric")]
    known = [
        Known(id_, **{name: one.get(name) for name in names}, is_electric="fuel_pct" not in one)
        for id_, one in last.items()
    ]
    restarted = a_fleet("high-load", seed="2", known=known, at_s=BEGAN_S + 302)
    again = by_vehicle(drive(restarted, 1, every_s=0.1, from_s=302))

    for id_, own in again.items():
        assert metres_between(last[id_], own[0]) < 2
        assert own[0]["odometer_km"] >= last[id_]["odometer_km"]


def test_who_was_last_seen_elsewhere_begins_in_the_area_with_its_own_odometer():
    known = Known("VH-1", latitude=53.55, longitude=9.99, odometer_km=500)
    first = drive(a_fleet(known=[known]), 1)[0]

    assert streets_of("bogota").holds(first["latitude"], first["longitude"])
    assert 500 <= first["odometer_km"] < 500.1


def test_the_same_seed_drives_the_same_way_and_another_one_does_not():
    one, same, other = (drive(a_fleet("fault-injection", seed=seed), 300) for seed in ("a", "a", "b"))

    assert one == same
    assert one != other


def test_after_a_long_sleep_only_a_little_of_it_is_driven():
    fleet = a_fleet("high-load", vehicles=1)
    before = drive(fleet, 10)[-1]
    (after,) = fleet.report(list(fleet.vehicles), at_s=BEGAN_S + 36_000)

    assert after["odometer_km"] - before["odometer_km"] < 1.5


# ---------------------------------------------------------------- what goes wrong


def test_on_an_ordinary_day_nothing_is_said_late_or_twice_or_not_at_all():
    fleet = a_fleet(vehicles=20)
    readings = drive(fleet, 300)

    assert not fleet.counts
    assert [one["timestamp"] for one in readings] == sorted(one["timestamp"] for one in readings)
    assert len({(one["vehicle_id"], one["timestamp"]) for one in readings}) == len(readings) == 20 * 300


def test_overspeed_is_far_above_every_limit():
    fleet = a_fleet(with_faults(overspeed_per_h=30), vehicles=10)
    readings = by_vehicle(drive(fleet, 1_800))

    quick = sum(max(one["speed_kmh"] for one in own) > 95 for own in readings.values())
    assert fleet.counts["overspeed"] > 20
    assert quick == 10


def test_harsh_braking_is_felt_as_often_as_it_is_counted():
    fleet = a_fleet(with_faults(harsh_braking_per_h=60), vehicles=10)
    readings = by_vehicle(drive(fleet, 1_200))

    harsh = [[one["g_force_long"] < -0.4 for one in own] for own in readings.values()]
    episodes = sum(now and not before for own in harsh for before, now in pairwise([False, *own]))
    assert fleet.counts["harsh braking"] > 100
    assert episodes == pytest.approx(fleet.counts["harsh braking"], rel=0.1)


def test_a_failed_battery_is_told_and_recovers():
    fleet = a_fleet(with_faults(battery_failure_per_h=10), vehicles=10)
    readings = by_vehicle(drive(fleet, 1_800, every_s=2))

    levels = [one["battery_pct"] for own in readings.values() for one in own]
    assert fleet.counts["battery failure"] > 10
    assert min(levels) < 8
    assert all(
        one["status"] == "LOW_BATTERY" for own in readings.values() for one in own if one["battery_pct"] < 8
    )
    assert sum(own[-1]["battery_pct"] > 20 for own in readings.values()) >= 5


def test_a_silence_leaves_a_gap_and_the_odometer_tells_of_the_way():
    fleet = a_fleet(with_faults(silence_per_h=10), vehicles=10)
    readings = by_vehicle(drive(fleet, 1_800))

    gaps = [seconds_between(*pair) for own in readings.values() for pair in pairwise(own)]
    assert fleet.counts["silence"] > 10
    assert sum(gap >= scenarios.SILENCE_S[0] for gap in gaps) >= fleet.counts["silence"] * 0.7
    assert fleet.counts["unsaid in silence"] == 10 * 1_800 - sum(map(len, readings.values()))


def test_late_readings_come_with_their_own_time_and_none_is_lost():
    fleet = a_fleet(with_faults(late_share=0.1), vehicles=10)
    readings = drive(fleet, 300)
    last_words = fleet.take_held()

    newest, late = {}, 0
    for one in readings:
        late += one["timestamp"] < newest.get(one["vehicle_id"], "")
        newest[one["vehicle_id"]] = max(one["timestamp"], newest.get(one["vehicle_id"], ""))
    assert late + len(last_words) == fleet.counts["late"]
    assert 250 < fleet.counts["late"] < 350
    assert len(readings) + len(last_words) == 10 * 300
    assert fleet.take_held() == []


def test_repeated_readings_are_the_very_same():
    fleet = a_fleet(with_faults(repeated_share=0.1), vehicles=10)
    readings = drive(fleet, 300) + fleet.take_held()

    seen = defaultdict(list)
    for one in readings:
        seen[one["vehicle_id"], one["timestamp"]].append(one)
    assert len(seen) == 10 * 300
    assert sum(len(same) - 1 for same in seen.values()) == fleet.counts["repeated"] > 200
    assert all(one == same[0] for same in seen.values() for one in same)


def test_the_fault_scenario_injects_every_fault():
    fleet = a_fleet("fault-injection", vehicles=20)
    drive(fleet, 1_200)

    assert fleet.counts.keys() >= {
        "overspeed", "battery failure", "harsh braking", "silence", "late", "repeated",
    }  # fmt: skip


# ---------------------------------------------------------------- commands


def order(command, **params):
    return {"id": 7, "vehicle_id": "VH-000", "command": command, "params": params}


def test_stop_brings_it_to_a_stand_where_it_is_and_is_answered_then():
    fleet = a_fleet("high-load", vehicles=1)
    assert drive(fleet, 30)[-1]["speed_kmh"] > 10

    fleet.obey(order("STOP"))
    readings = drive(fleet, 20, from_s=30)

    assert fleet.take_answers()[0].as_data() == {
        "id": 7,
        "vehicle_id": "VH-000",
        "command": "STOP",
        "status": "EXECUTED",
        "message": "The vehicle stands.",
    }
    assert readings[-1]["speed_kmh"] == 0
    assert readings[-1]["status"] == "STOPPED"
    assert readings[-1]["odometer_km"] == readings[-5]["odometer_km"]
    assert min(one["g_force_long"] for one in readings) > -0.4


def test_a_stopped_vehicle_stays_until_it_is_told_to_go_on():
    fleet = a_fleet("high-load", vehicles=1)
    fleet.obey(order("STOP"))
    stood = drive(fleet, 600, every_s=10)
    fleet.obey(order("RESUME"))
    went = drive(fleet, 60, from_s=600)

    assert stood[1]["odometer_km"] == stood[-1]["odometer_km"]
    assert went[-1]["odometer_km"] > stood[-1]["odometer_km"] + 0.1
    assert [one.command for one in fleet.take_answers()] == ["STOP", "RESUME"]


def test_a_parked_vehicle_that_is_stopped_answers_at_once_and_does_not_set_off():
    parked = Scenario("parked", parked_s=(5, 5), parked_share=1)
    fleet = a_fleet(parked, vehicles=1)
    fleet.obey(order("STOP"))

    assert fleet.take_answers()[0].status == "EXECUTED"
    assert {one["speed_kmh"] for one in drive(fleet, 300)} == {0}


def test_a_rerouted_vehicle_drives_to_the_waypoints_in_their_order():
    fleet = a_fleet(vehicles=1, area="cali")
    points = [
        {"latitude": 3.44, "longitude": -76.52, "order": 2},
        {"latitude": 3.42, "longitude": -76.51, "order": 1},
    ]
    fleet.obey(order("REROUTE", waypoints=points))
    readings = drive(fleet, 1_800)

    (answer,) = fleet.take_answers()
    assert (answer.status, answer.message) == ("EXECUTED", "The vehicle drives to 2 waypoints.")
    near = [
        next(place for place, one in enumerate(readings) if metres_between(one, point) < 150)
        for point in sorted(points, key=lambda point: point["order"])
    ]
    assert near == sorted(near)


def test_a_vehicle_that_returns_to_base_stays_there_until_it_is_sent_on():
    fleet = a_fleet("high-load", vehicles=1, area="medellin")
    area = AREAS["medellin"]
    fleet.obey(order("RETURN_TO_BASE"))
    readings = drive(fleet, 1_800, every_s=2)

    base = {"latitude": area.latitude, "longitude": area.longitude}
    assert metres_between(readings[-1], base) < area.block_m
    assert {(one["speed_kmh"], one["status"]) for one in readings[-100:]} == {(0, "STOPPED")}

    fleet.obey(order("RESUME"))
    assert drive(fleet, 120, from_s=1_800)[-1]["odometer_km"] > readings[-1]["odometer_km"]


def test_a_home_of_its_own_may_be_named():
    fleet = a_fleet("high-load", vehicles=1)
    home = {"latitude": 4.70, "longitude": -74.09}
    fleet.obey(order("RETURN_TO_BASE", **home))

    assert metres_between(drive(fleet, 2_400, every_s=4)[-1], home) < AREAS["bogota"].block_m


@pytest.mark.parametrize(
    ("command", "params", "reason"),
    [
        ("DANCE", {}, "“DANCE” is no command that a vehicle knows."),
        ("REROUTE", {}, "No waypoints are given"),
        ("REROUTE", {"waypoints": [{"latitude": 4.7}]}, "A waypoint has a latitude and a longitude"),
        (
            "REROUTE",
            {"waypoints": [{"latitude": 53.5, "longitude": 10}]},
            "The waypoint 53.50000, 10.00000 does not lie in bogota.",
        ),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason_and_changes_nothing(command, params, reason):
    fleet, same = a_fleet(vehicles=1), a_fleet(vehicles=1)
    fleet.obey(order(command, **params))

    (answer,) = fleet.take_answers()
    assert answer.status == "FAILED"
    assert reason in answer.message
    assert drive(fleet, 60) == drive(same, 60)


def test_commands_of_others_and_what_is_no_command_are_no_concern_of_ours():
    fleet = a_fleet(vehicles=1)
    for told in ({"id": 1, "vehicle_id": "other", "command": "STOP"}, {"vehicle_id": "VH-000"}, 3, None, []):
        fleet.obey(told)
    assert fleet.take_answers() == []


def test_waypoints_come_in_their_order_and_need_both_degrees():
    told = {
        "waypoints": [
            {"latitude": "1", "longitude": 2, "order": 2},
            {"latitude": 3, "longitude": 4, "order": 1},
        ]
    }
    assert waypoints_of(told) == [(3, 4), (1, 2)]
    with pytest.raises(OrderRefused):
        waypoints_of({"waypoints": "here"})
    assert Order.of({"id": 1, "vehicle_id": "A", "command": "STOP", "params": None}).params == {}


# ---------------------------------------------------------------- pace and outbox


class Line:
    """A transport that takes what it is given, or raises what stands next in ``troubles``."""

    def __init__(self, *troubles):
        self.troubles, self.taken = list(troubles), []

    def send(self, readings):
        if self.troubles:
            raise self.troubles.pop(0)
        self.taken += readings
        return Sent(len(readings))

    def close(self):
        return


def test_what_nobody_takes_is_kept_in_order_and_sent_later():
    line = Line(Away("gone"), Away("gone"))
    outbox = Outbox(line)
    outbox.start()
    for number in range(2_500):
        outbox.put([{"n": number}])

    assert outbox.finish(5) == 0
    assert [one["n"] for one in line.taken] == list(range(2_500))
    assert outbox.sent == 2_500


def test_of_too_much_the_oldest_is_dropped():
    outbox = Outbox(Line(), most_kept=10)
    outbox.put([{"n": number} for number in range(25)])
    outbox.start()
    outbox.finish(5)

    assert [one["n"] for one in outbox._transport.taken] == list(range(15, 25))
    assert outbox.dropped == 15


def test_what_is_refused_for_good_ends_it():
    outbox = Outbox(Line(Refused("no such key")))
    outbox.put([{"n": 1}])
    outbox.start()
    outbox.join(5)

    assert str(outbox.refusal) == "no such key"


def test_an_outbox_that_nobody_listens_to_ends_in_time():
    outbox = Outbox(Line(*[Away("gone", 60)] * 100))
    outbox.put([{"n": 1}])
    outbox.start()
    began = time.monotonic()

    assert outbox.finish(1) == 1
    assert time.monotonic() - began < 3


def a_simulator(fleet, line, **more):
    return Simulator(
        fleet,
        Outbox(line),
        interval_ms=100,
        orders=SimpleQueue(),
        say=print,
        post=lambda answers: None,
        **more,
    )


def test_each_vehicle_reports_at_exact_intervals_without_drift():
    line = Line()
    a_simulator(a_fleet("high-load", vehicles=4), line).run(threading.Event(), duration_s=2.05)

    for own in by_vehicle(line.taken).values():
        assert {seconds_between(*pair) for pair in pairwise(own)} == {0.1}
        assert 19 <= len(own) <= 21


def test_a_pace_whose_clock_was_set_begins_anew(monkeypatch):
    pace = Pace(50, 1)
    now_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 3_600_000_000_000)
    monkeypatch.setattr(time, "time", lambda: now_ns() / 1e9 + 3_600)

    _portion, at_ms = pace.wait(threading.Event())

    assert pace.begun_anew == 1
    assert at_ms == pytest.approx(time.time() * 1000, abs=200)
