"""Made-up drives: a vehicle that stands and drives north, told every few seconds."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from telemetry.samples import Sample

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
KM_PER_DEGREE = 111.195


@dataclass
class Recorder:
    """Writes samples; ``noise_km`` shakes the fixes, ``tells`` says which fields a device sends."""

    every_s: float = 10
    at: datetime = EIGHT
    km: float = 0.0
    noise_km: float = 0.0
    tells: frozenset[str] = frozenset({"position", "speed"})
    seed: int = 1
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self):
        self.random = random.Random(self.seed)

    def drive(self, minutes, kmh=40.0):
        return self._go(minutes, kmh, ignition=True)

    def stand(self, minutes, *, is_on=False):
        return self._go(minutes, 0.0, ignition=is_on)

    def silence(self, minutes, km=0.0):
        self.at += timedelta(minutes=minutes)
        self.km += km
        return self

    def _go(self, minutes, kmh, *, ignition):
        for _step in range(round(minutes * 60 / self.every_s)):
            self.samples.append(self._sample(kmh, ignition))
            self.at += timedelta(seconds=self.every_s)
            self.km += kmh * self.every_s / 3600
        return self

    def _sample(self, kmh, ignition):
        shake = [self.random.gauss(0, self.noise_km) / KM_PER_DEGREE for _axis in range(2)]
        is_placed, tells = "position" in self.tells, self.tells
        return Sample(
            at=self.at,
            latitude=round(4.6 + self.km / KM_PER_DEGREE + shake[0], 6) if is_placed else None,
            longitude=round(-74.08 + shake[1], 6) if is_placed else None,
            speed_kmh=abs(kmh + self.random.gauss(0, self.noise_km * 200)) if "speed" in tells else None,
            odometer_km=round(1_000 + self.km, 3) if "odometer" in tells else None,
            ignition=ignition if "ignition" in tells else None,
        )
