"""What `benchmarks.firings` sends, and what must come of it: counted here, apart from the system."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.machine import Kind, Machine, Report, State, Step
from rules.nodes import Subject
from rules.patterns import parse
from vehicle_management.attributes import STATUS_ATTRIBUTES

Body = dict[str, Any]
# A rule's name, a vehicle, when it fired and when that ended (milliseconds since 1970), and its kind.
Fired = tuple[str, str, int, int | None, str]
# A rule's name, a vehicle; first time, last time, reports, worst value, and when it ended.
Raised = tuple[str, str, int, int, int, float | None, int | None]

RISING = ("speed_kmh", "engine_temp_c", "load_pct", "fuel_pct")
THRESHOLDS = (40, 50, 60, 70)
TABLE = {name: Subject(name, one.kind, (f"status.{name}",)) for name, one in STATUS_ATTRIBUTES.items()}
TURNED = {"field": "heading_deg", "operator": "gt", "value": 180}


def _alert(kind: str) -> list[Body]:
    return [{"type": "raise_alert", "alert_type": kind, "severity": "HIGH"}]


def crossed_rules(**more: Any) -> list[Body]:
    """Twenty thresholds, all of which lie between the low and the high values of a cycle."""
    patterns = [
        *({"field": name, "operator": "gt", "value": value} for name in RISING for value in THRESHOLDS),
        *({"field": "battery_pct", "operator": "lt", "value": value} for value in THRESHOLDS),
    ]
    return [{"name": f"{one['field']} {one['value']}", "pattern": one, **more} for one in patterns]


def rules_in_order(**more: Any) -> list[Body]:
    """Those of ``rules_over_time`` that no clock decides: of readings that are delayed it may be ahead."""
    return [one for one in rules_over_time(**more) if one["name"] != "often"]


def rules_over_time(**more: Any) -> list[Body]:
    """What depends on the order of readings, and on the time between them."""
    short = {"lasts": TURNED, "seconds": 2}
    rules: list[Body] = [
        {"name": "lasts", "pattern": short, "actions": _alert("LASTS")},
        {"name": "rose", "pattern": {"field": "heading_deg", "operator": "rose_by", "value": 90}},
        {"name": "changed", "pattern": {"field": "status", "operator": "changed", "value": {"to": "IDLE"}}},
        {"name": "often", "pattern": {"often": TURNED, "times": 3, "seconds": 8}, "actions": _alert("OFTEN")},
        {
            "name": "turned",
            "pattern": TURNED,
            "clear": {"field": "heading_deg", "operator": "lt", "value": 90},
            "actions": _alert("TURNED"),
        },
    ]
    return [{**one, **more} for one in rules]


@dataclass(frozen=True)
class Reading:
    vehicle: str
    at: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Delivery:
    """``due_s`` after the beginning, a reading is sent: for the first time, or again."""

    due_s: float
    reading: Reading


def readings(vehicles: Sequence[str], cycles: int, seconds: float, start: int, seed: int) -> list[Reading]:
    """Per vehicle and cycle one below all thresholds and one above, evenly over the time from ``start``."""
    chance, told = random.Random(seed), []
    step = seconds * 1000 / (2 * cycles)
    for place, vehicle in enumerate(vehicles):
        shift = step * place / len(vehicles)
        for number in range(2 * cycles):
            at = start + round(number * step + shift)
            told.append(Reading(vehicle, at, _values(chance, is_high=number % 2 == 1)))
    return told


def _values(chance: random.Random, *, is_high: bool) -> Body:
    low, high = round(chance.uniform(0, 39), 1), round(chance.uniform(71, 100), 1)
    return {
        **dict.fromkeys(RISING, high if is_high else low),
        "battery_pct": low if is_high else high,
        "heading_deg": chance.randrange(360),
        "status": chance.choice(("IDLE", "MOVING", "STOPPED")),
    }


def deliveries(told: Iterable[Reading], start: int, shuffle_s: float, seed: int) -> list[Delivery]:
    """Each reading up to ``shuffle_s`` after its time, and none to two times more, at once or later."""
    chance, due = random.Random(seed), []
    for reading in told:
        first = (reading.at - start) / 1000 + chance.uniform(0, shuffle_s)
        again = [chance.choice((0.0, chance.uniform(0, 6))) for _ in range(chance.randrange(3))]
        due += [Delivery(first + later, reading) for later in (0.0, *again)]
    return sorted(due, key=lambda one: one.due_s)


def expected_firings(rules: Iterable[Body], told: Sequence[Reading]) -> Counter[Fired]:
    """Of the twenty thresholds: each high reading fires, and the next one, which is low, ends it."""
    found: Counter[Fired] = Counter()
    names = [rule["name"] for rule in rules]
    for one, after in zip(told, [*told[1:], None], strict=True):
        if one.values["speed_kmh"] > THRESHOLDS[-1]:
            ended = after.at if after is not None and after.vehicle == one.vehicle else None
            found.update((name, one.vehicle, one.at, ended, "FIRED") for name in names)
    return found


def steps_in_order(rule: Body, told: Sequence[Reading], until: int) -> list[tuple[str, Step]]:
    """What the rule makes of each vehicle's readings in the order of their times, with the vehicle."""
    machine = _machine(rule)
    found: list[tuple[str, Step]] = []
    by_vehicle: dict[str, list[Reading]] = {}
    for one in sorted(told, key=lambda one: one.at):
        by_vehicle.setdefault(one.vehicle, []).append(one)
    for vehicle, own in by_vehicle.items():
        found += [(vehicle, step) for step in _steps(machine, own, until)]
    return found


def _machine(rule: Body) -> Machine:
    clear = parse(rule["clear"], TABLE)[0] if rule.get("clear") else None
    return Machine(parse(rule["pattern"], TABLE)[0], clear)


def _steps(machine: Machine, own: Iterable[Reading], until: int) -> Iterable[Step]:
    state, known, heard = State(), dict.fromkeys(machine.keys), None
    for one in own:
        before, heard_before = known, heard
        said = {key: one.values[name] for name in one.values if (key := f"status.{name}") in machine.keys}
        known, heard = {**before, **said}, one.at
        yield from machine.see(state, Report(known, before, one.at, heard, heard_before))
    yield from machine.until(state, known, heard, until)


def expected_over_time(
    rules: Iterable[Body], told: Sequence[Reading], until: int
) -> tuple[Counter[Fired], Counter[Raised]]:
    """What these rules fire, and the alerts that come of it, were all readings taken in order."""
    firings, alerts = Counter[Fired](), Counter[Raised]()
    for rule in rules:
        steps = steps_in_order(rule, told, until)
        firings += firings_in(rule["name"], steps)
        if rule.get("actions"):
            alerts += alerts_in(rule["name"], steps, "heading_deg")
    return firings, alerts


def firings_in(name: str, steps: Iterable[tuple[str, Step]]) -> Counter[Fired]:
    lasting: dict[str, int] = {}
    found: Counter[Fired] = Counter()
    for vehicle, step in steps:
        if step.kind is Kind.FIRE:
            lasting[vehicle] = step.at
        elif step.kind is Kind.CLEAR and vehicle in lasting:
            found[name, vehicle, lasting.pop(vehicle), step.at, "FIRED"] += 1
    found.update((name, vehicle, at, None, "FIRED") for vehicle, at in lasting.items())
    return found


def alerts_in(name: str, steps: Iterable[tuple[str, Step]], field: str) -> Counter[Raised]:
    """Each fire begins one, each report that says so again counts, and its end closes it."""
    key = f"status.{field}"
    open_: dict[str, list[Step]] = {}
    found: Counter[Raised] = Counter()

    def close(vehicle: str, at: int | None) -> None:
        held = open_.pop(vehicle)
        worst = max(float(step.values[key]) for step in held)
        found[name, vehicle, held[0].at, held[-1].at, len(held), worst, at] += 1

    for vehicle, step in steps:
        if step.kind is Kind.FIRE:
            open_[vehicle] = [step]
        elif step.kind is Kind.STAY:
            open_[vehicle].append(step)
        elif step.kind is Kind.CLEAR:
            close(vehicle, step.at)
    for vehicle in list(open_):
        close(vehicle, None)
    return found
