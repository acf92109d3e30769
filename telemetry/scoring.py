"""The safety score of a drive, and its harsh events. No database, no Django.

``score = 100 - penalty * (samples below the braking threshold + samples above the other)``, not below 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from telemetry.samples import Sample, fix_of, time_order

HARSH_BRAKING, RAPID_ACCEL = "HARSH_BRAKING", "RAPID_ACCEL"
BEST = 100.0
# A sample's place and its acceleration.
Told = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Longitudinal acceleration in g beyond which a sample is harsh, and what each such sample costs."""

    harsh_braking_g: float = -0.4
    rapid_accel_g: float = 0.4
    penalty: float = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """One episode: ``samples`` harsh ones in a row, from the sample at place ``index`` (from 0) on.

    ``at`` is ISO 8601, in UTC as samples are, and None where they have no times; ``g`` is the worst; the
    position is the first that is known of it.
    """

    kind: str
    index: int
    at: str | None
    g: float
    samples: int
    latitude: float | None
    longitude: float | None

    def told(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Score:
    """``safety_score`` is None where no sample tells an acceleration: there is nothing to judge."""

    safety_score: float | None
    harsh_braking_count: int
    rapid_accel_count: int
    events: list[Event]

    def episodes(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)


def score(samples: Sequence[Sample], thresholds: Thresholds) -> Score:
    """Judge a drive: in the order of its times, or as it came where any sample has none.

    A sample without an acceleration counts for nothing: it neither costs nor ends an episode.
    """
    told = [(place, g) for place in time_order(samples) if (g := samples[place].g_force_long) is not None]
    kinds = [_kind(g, thresholds) for _place, g in told]
    braking, accel = kinds.count(HARSH_BRAKING), kinds.count(RAPID_ACCEL)
    left = max(0.0, BEST - thresholds.penalty * (braking + accel))
    return Score(left if told else None, braking, accel, list(_events(samples, told, kinds)))


def _kind(g: float, thresholds: Thresholds) -> str | None:
    if g < thresholds.harsh_braking_g:
        return HARSH_BRAKING
    return RAPID_ACCEL if g > thresholds.rapid_accel_g else None


def _events(samples: Sequence[Sample], told: Sequence[Told], kinds: Sequence[str | None]) -> Iterator[Event]:
    for kind, run in groupby(zip(told, kinds, strict=True), key=lambda pair: pair[1]):
        if kind is not None:
            yield _event(kind, samples, [one for one, _kind in run])


def _event(kind: str, samples: Sequence[Sample], told: Sequence[Told]) -> Event:
    worst = min if kind == HARSH_BRAKING else max
    index = told[0][0]
    at = samples[index].at
    fixes = (fix_of(samples[place]) for place, _g in told)
    latitude, longitude = next((fix for fix in fixes if fix), (None, None))
    return Event(
        kind=kind,
        index=index,
        at=at.isoformat().replace("+00:00", "Z") if at else None,
        g=worst(g for _place, g in told),
        samples=len(told),
        latitude=latitude,
        longitude=longitude,
    )
