"""A trial's outcome as its page draws it: time lines of vehicles, days, and firings with what is around them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dashboard.rule_editor import ACTION_ICONS

WIDTH = 1_000
LEAST_WIDTH = 1.5
MOST_ROWS, MOST_FIRINGS, MOST_DAYS = 25, 50, 120
TICKS = 4
DAY_HEIGHT = 100


@dataclass(frozen=True)
class Row:
    """A vehicle's line: ``bars`` (x, width) where the pattern was true, ``marks`` at firings; of ``WIDTH``."""

    vehicle_id: str
    firings: int
    repeats: int
    held_back: int
    minutes_true: float
    bars: list[tuple[float, float]]
    marks: list[float]
    held_marks: list[float]


@dataclass(frozen=True)
class Day:
    day: date
    firings: int
    held_back: int
    minutes_true: float
    x: float
    height: float

    @property
    def y(self) -> float:
        return DAY_HEIGHT - self.height


@dataclass(frozen=True)
class Tried:
    """A firing as its row shows it; ``around`` holds (time, values in the order of the names, is its own)."""

    at: datetime
    vehicle_id: str
    is_repeat: bool
    is_at_start: bool
    explanation: str
    lasted_s: float | None
    around: list[tuple[datetime, list[Any], bool]]
    actions: list[dict[str, Any]]


@dataclass(frozen=True)
class Figures:
    told: Mapping[str, Any]
    start: datetime
    end: datetime
    rows: list[Row]
    days: list[Day]
    tried: list[Tried]
    held_back: list[tuple[datetime, str, str]]
    most_minutes: float
    step: float = field(default=0)

    @property
    def names(self) -> list[str]:
        return list(self.told["attributes"])

    @property
    def ticks(self) -> list[datetime]:
        return [self.start + (self.end - self.start) * place / TICKS for place in range(TICKS + 1)]

    @property
    def bar_width(self) -> float:
        return round(self.step * 0.7, 2)

    @property
    def more_rows(self) -> int:
        return max(0, int(self.told["vehicles_with_firings"]) - len(self.rows))

    @property
    def more_firings(self) -> int:
        return max(0, int(self.told["firings"]) + int(self.told["repeats"]) - len(self.tried))

    @property
    def counts_days(self) -> bool:
        return len(self.days) > 1


def figures_of(told: Mapping[str, Any]) -> Figures:
    start, end = _time(told["from"]), _time(told["to"])
    rows = _rows(told, start, end)
    days, step = _days(told, start, end)
    return Figures(
        told,
        start,
        end,
        rows,
        days,
        [_tried(one, told["attributes"]) for one in told["first_firings"][:MOST_FIRINGS]],
        [(_time(one["at"]), one["vehicle_id"], one["why"]) for one in told["first_held_back"][:MOST_FIRINGS]],
        max((row.minutes_true for row in rows), default=0),
        step,
    )


def _rows(told: Mapping[str, Any], start: datetime, end: datetime) -> list[Row]:
    marks, held = _places(told["first_firings"], start, end), _places(told["first_held_back"], start, end)
    return [
        Row(
            one["vehicle_id"],
            one["firings"],
            one["repeats"],
            one["held_back"],
            one["minutes_true"],
            [_bar(span, start, end) for span in one["true"]],
            marks[one["vehicle_id"]],
            held[one["vehicle_id"]],
        )
        for one in told["by_vehicle"][:MOST_ROWS]
    ]


def _places(
    found: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> defaultdict[str, list[float]]:
    places: defaultdict[str, list[float]] = defaultdict(list)
    for one in found:
        places[one["vehicle_id"]].append(_x(_time(one["at"]), start, end))
    return places


def _bar(span: Mapping[str, Any], start: datetime, end: datetime) -> tuple[float, float]:
    first = _x(_time(span["from"]), start, end)
    last = _x(_time(span["until"]), start, end) if span["until"] else float(WIDTH)
    return first, round(max(LEAST_WIDTH, last - first), 2)


def _x(at: datetime, start: datetime, end: datetime) -> float:
    return round((at - start) / (end - start) * WIDTH, 2)


def _days(told: Mapping[str, Any], start: datetime, end: datetime) -> tuple[list[Day], float]:
    """Every day of the period, those without a firing too, in UTC."""
    first, last = start.date(), (end - timedelta(microseconds=1)).date()
    dates = [first + timedelta(days=place) for place in range((last - first).days + 1)][-MOST_DAYS:]
    found = {one["day"]: one for one in told["days"]}
    most = max((one["firings"] + one["repeats"] for one in told["days"]), default=0) or 1
    step = WIDTH / len(dates)
    days = []
    for place, day in enumerate(dates):
        one = found.get(day.isoformat(), {})
        fired = one.get("firings", 0) + one.get("repeats", 0)
        days.append(
            Day(
                day,
                fired,
                one.get("held_back", 0),
                one.get("minutes_true", 0),
                round((place + 0.15) * step, 2),
                round(fired / most * DAY_HEIGHT, 2),
            )
        )
    return days, step


def _tried(one: Mapping[str, Any], names: Sequence[str]) -> Tried:
    at = _time(one["at"])
    around = [
        (_time(near["at"]), [near["values"].get(name) for name in names], _time(near["at"]) == at)
        for near in one["around"]
    ]
    return Tried(
        at,
        one["vehicle_id"],
        one["kind"] == "REPEATED",
        one["at_start"],
        one["explanation"],
        None if one["until"] is None else (_time(one["until"]) - at).total_seconds(),
        around,
        [_action(action) for action in one["actions"]],
    )


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    """To whom, and what it would have said: parameters without a value are left out."""
    params = {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in action["params"].items()
        if value not in (None, "", [], False) and name != "to"
    }
    to = ", ".join(action.get("to", ()))
    return {
        "icon": ACTION_ICONS.get(action["type"], "tabler-bolt"),
        "label": action["label"],
        "to": to,
        "fault": action.get("fault", ""),
        "params": params,
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
