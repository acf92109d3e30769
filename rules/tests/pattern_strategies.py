"""Random rules and random stories of a vehicle, which are close enough to one another to matter.

Values are exact as four-byte floats and as millionths of a degree, as readings are stored. Gaps, windows and
hours are chosen so that one often ends when another begins.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from rules.nodes import Subject
from rules.tests.plain_interpreter import Rule, Told

NUMBERS: dict[str, list[float]] = {
    "speed_kmh": [0.0, 50.0, 80.0, 81.5, 90.0],
    "odometer_km": [100.0, 600.0, 950.0, 1_000.5, 2_100.0],
    "battery_pct": [5.0, 15.0, 50.0],
    "g": [-0.5, 0.0, 80.0],
}
TEXTS = {
    "status": ["MOVING", "IDLE", "OFFLINE"],
    "plate": ["B-AB 1", "b-ab 12", "M-X 1"],
    "fleet_id": ["north", "south"],
}
POSITIONS = [(52.5, 13.4), (52.501, 13.4), (52.52, 13.41), (52.6, 13.2), (-33.9, 18.4)]
TABLE = {
    **{name: Subject(name, "number", (f"status.{name}",)) for name in [*NUMBERS, "latitude", "longitude"]},
    "status": Subject("status", "text", ("status.status",)),
    "door_open": Subject("door_open", "boolean", ("status.door_open",)),
    "plate": Subject("plate", "text", ("plate",)),
    "fleet_id": Subject("fleet_id", "text", ("fleet_id",)),
}
MAIN = ("plate", "fleet_id")
# A Friday evening, the hour before the clocks go forward in Berlin, and the one before they go back.
BEGINNINGS = [
    datetime(2025, 3, 28, 21, 30, tzinfo=UTC),
    datetime(2025, 3, 30, 0, 10, tzinfo=UTC),
    datetime(2025, 10, 26, 0, 10, tzinfo=UTC),
]
SECONDS = [30, 60, 120, 300, 600, 1_800]
GAPS = [1, 7, 29, 30, 31, 60, 61, 120, 299, 300, 600, 1_799, 1_800, 1_801, 3_600]


def node(field: Any, operator: Any, value: Any = None) -> Any:
    parts = {"field": field, "operator": operator, "value": value}
    return st.fixed_dictionaries({name: part for name, part in parts.items() if part is not None})


def _of_number(name: str) -> Any:
    values = st.sampled_from(NUMBERS[name])
    ordered = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
    some = st.lists(values, min_size=1, max_size=3, unique=True)
    pair = st.lists(values, min_size=2, max_size=2).map(sorted)
    return st.one_of(
        node(st.just(name), ordered, values),
        node(st.just(name), st.just("between"), pair),
        node(st.just(name), st.sampled_from(["in", "not_in"]), some),
    )


def _of_text(name: str) -> Any:
    values = st.sampled_from(TEXTS[name])
    some = st.lists(values, min_size=1, max_size=3, unique=True)
    return st.one_of(
        node(st.just(name), st.sampled_from(["eq", "ne"]), values),
        node(st.just(name), st.sampled_from(["in", "not_in"]), some),
    )


def _turn(name: str) -> Any:
    ends = st.sampled_from(NUMBERS.get(name) or TEXTS[name])
    turned = st.fixed_dictionaries({}, optional={"from": ends, "to": ends}).map(lambda held: held or None)
    return turned.map(
        lambda held: {"field": name, "operator": "changed", **({"value": held} if held else {})}
    )


references = st.one_of(
    node(
        st.just("speed_kmh"),
        st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
        st.fixed_dictionaries({"field": st.just("g")}, optional={"plus": st.sampled_from([-80, 10, 0.5])}),
    ),
    node(st.just("status"), st.sampled_from(["eq", "ne"]), st.just({"field": "plate"})),
)
over = node(
    st.just("speed_kmh"), st.sampled_from(["gt", "ge", "lt", "le"]), st.sampled_from([50.0, 80.0, 81.5])
)
comparisons = st.one_of(
    *([over] * 6),
    *(_of_number(name) for name in NUMBERS),
    *(_of_text(name) for name in TEXTS),
    references,
    node(
        st.just("plate"),
        st.sampled_from(["contains", "starts_with", "ends_with"]),
        st.sampled_from(["AB", "b-", "1"]),
    ),
    node(st.just("plate"), st.just("matches"), st.sampled_from(["AB", "^B", "1$", "^M-X 1$"])),
    node(st.just("door_open"), st.sampled_from(["eq", "ne"]), st.booleans()),
    node(st.sampled_from(list(TABLE)), st.sampled_from(["is_set", "is_not_set"])),
)
circles = st.fixed_dictionaries(
    {"latitude": st.just(52.5), "longitude": st.just(13.4), "radius_m": st.sampled_from([50, 500, 5_000])}
)
polygons = st.sampled_from(
    [
        [[52.4, 13.3], [52.55, 13.3], [52.55, 13.45], [52.4, 13.45]],
        [[52.4, 13.1], [52.7, 13.1], [52.7, 13.5], [52.505, 13.405], [52.4, 13.5]],
    ]
)
whereabouts = st.one_of(
    circles.map(lambda circle: {"circle": circle}), polygons.map(lambda p: {"polygon": p})
)
places = st.one_of(
    whereabouts.map(lambda place: {"inside": place}), whereabouts.map(lambda place: {"outside": place})
)
clocks = st.sampled_from(["00:00", "01:15", "02:00", "03:00", "03:20", "21:50", "22:00", "22:05", "23:00"])
hours = st.fixed_dictionaries(
    {"from": clocks, "to": clocks},
    optional={
        "weekdays": st.lists(st.sampled_from(["fri", "sat", "sun"]), min_size=1, max_size=2, unique=True),
        "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    },
).map(lambda held: {"hours": held})
silences = st.sampled_from([60, 100, 600, 1_800]).map(lambda seconds: {"silent": seconds})
changes = st.one_of(
    node(
        st.sampled_from(["odometer_km", "speed_kmh"]), st.sampled_from(["rose_by", "fell_by"]), st.just(0.5)
    ),
    node(st.just("odometer_km"), st.just("rose_by"), st.sampled_from([0, 500])),
    *(_turn(name) for name in ("status", "speed_kmh", "plate")),
)
dues = st.fixed_dictionaries(
    {"every_km": st.just(1_000)}, optional={"ahead_km": st.just(60), "every_months": st.just(1)}
).map(lambda held: {"due": held})


def _groups(nodes: Any) -> Any:
    some = st.lists(nodes, min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda held: {"all": held}),
        some.map(lambda held: {"any": held}),
        nodes.map(lambda held: {"not": held}),
    )


def _often(nodes: Any) -> Any:
    return st.fixed_dictionaries(
        {"often": nodes, "times": st.integers(1, 3), "seconds": st.sampled_from(SECONDS)}
    )


def _lasts(nodes: Any) -> Any:
    return st.fixed_dictionaries({"lasts": nodes, "seconds": st.sampled_from(SECONDS)})


# What may last: no change, silence or maintenance anywhere in it.
states = st.recursive(
    st.one_of(comparisons, comparisons, places, hours),
    lambda nodes: st.one_of(_groups(nodes), _groups(nodes), _often(nodes), _lasts(nodes)),
    max_leaves=4,
)
counted = st.recursive(
    st.one_of(comparisons, changes, places, hours, silences, _lasts(states)),
    lambda nodes: st.one_of(_groups(nodes), _groups(nodes), _often(nodes)),
    max_leaves=4,
)
patterns = st.recursive(
    st.one_of(comparisons, changes, places, hours, silences, dues, _lasts(states), _often(counted)),
    _groups,
    max_leaves=6,
).filter(lambda held: levels(held) <= 10)


def levels(held: Any) -> int:
    """How deep a pattern is; ten levels may be saved."""
    inner = [
        *held.get("all", ()),
        *held.get("any", ()),
        *(held[name] for name in ("not", "lasts", "often") if name in held),
    ]
    return 1 + max(map(levels, inner), default=0)


def _without_clear_of_due(rule: Rule) -> Rule:
    """What is due ends with its task, and is refused a clear pattern."""
    return replace(rule, clear=None) if "'due'" in f"{rule.pattern} {rule.clear}" else rule


rules = st.builds(
    Rule,
    pattern=patterns,
    clear=st.one_of(st.none(), st.none(), patterns),
    repeat_s=st.sampled_from([None, None, None, None, None, 60, 600, 3_600]),
    cooldown_s=st.sampled_from([0, 0, 0, 60, 600]),
    per_day=st.sampled_from([None, None, None, None, 1, 3]),
).map(_without_clear_of_due)
positions = st.sampled_from([None, *POSITIONS]).map(
    lambda place: {"latitude": place[0], "longitude": place[1]} if place else {}
)
readings = st.builds(
    lambda values, place: {**values, **place},
    st.fixed_dictionaries(
        {"speed_kmh": st.sampled_from(NUMBERS["speed_kmh"]), "g": st.sampled_from(NUMBERS["g"])},
        optional={
            "odometer_km": st.sampled_from(NUMBERS["odometer_km"]),
            "battery_pct": st.sampled_from(NUMBERS["battery_pct"]),
            "status": st.sampled_from(TEXTS["status"]),
            "door_open": st.booleans(),
        },
    ),
    positions,
)
short_readings = st.just({"battery_pct": 50.0})
# People and files can also take a value away.
statuses = st.builds(
    lambda values, cleared: {**values, **dict.fromkeys(cleared)},
    readings,
    st.lists(st.sampled_from([*NUMBERS, "status", "door_open"]), max_size=2, unique=True),
)
SAID = {"reading": readings, "status": statuses, "little": short_readings}
KINDS = ["reading", "reading", "reading", "reading", "status", "main", "little"]
mains = st.fixed_dictionaries({}, optional={name: st.sampled_from(TEXTS[name]) for name in MAIN})


@st.composite
def stories(draw: Any, *, at_last_report: bool = False, most: int = 12) -> tuple[int, list[Told]]:
    """When it begins (ms), and what is told from then on, in order.

    ``at_last_report``: main data changes at the time of the last report, as they do live.
    """
    start = round(draw(st.sampled_from(BEGINNINGS)).timestamp() * 1_000)
    at, told = start, []
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=3, max_size=most))
    for kind in kinds:
        gap = draw(st.sampled_from(GAPS)) * 1_000
        if kind == "main":
            at += 0 if at_last_report else gap
            told.append(Told(at, draw(mains), is_report=False, by_person=True))
        else:
            at += gap
            told.append(Told(at, draw(SAID[kind]), by_person=kind == "status"))
    return start, told
