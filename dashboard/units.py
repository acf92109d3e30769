"""Measures as a person reads them: stored in km and °C, shown in miles and °F where they prefer those."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import User

KM_PER_MILE = 1.609344
M_PER_FOOT = 0.3048


@dataclass(frozen=True)
class Conversion:
    unit: str
    to_shown: Callable[[float], float]
    to_stored: Callable[[float], float]


def _miles(km: float) -> float:
    return km / KM_PER_MILE


def _kilometres(miles: float) -> float:
    return miles * KM_PER_MILE


def _feet(m: float) -> float:
    return m / M_PER_FOOT


def _metres(feet: float) -> float:
    return feet * M_PER_FOOT


IMPERIAL = {
    "m": Conversion("ft", _feet, _metres),
    "km": Conversion("mi", _miles, _kilometres),
    "km/h": Conversion("mph", _miles, _kilometres),
    "°C": Conversion("°F", lambda c: c * 9 / 5 + 32, lambda f: (f - 32) * 5 / 9),
}


def conversion(unit: str, person: User) -> Conversion | None:
    return IMPERIAL.get(unit) if person.units == User.Units.IMPERIAL else None


def shown_unit(unit: str, person: User) -> str:
    found = conversion(unit, person)
    return found.unit if found else unit


def to_shown(value: float, unit: str, person: User) -> float:
    found = conversion(unit, person)
    return found.to_shown(value) if found else value


def to_stored(value: float, unit: str, person: User) -> float:
    found = conversion(unit, person)
    return round(found.to_stored(value), 6) if found else value


def line(unit: str, person: User) -> tuple[float, float]:
    """Factor and offset of what is shown: ``shown = factor * stored + offset``, for scripts."""
    offset = to_shown(0, unit, person)
    return to_shown(1, unit, person) - offset, offset
