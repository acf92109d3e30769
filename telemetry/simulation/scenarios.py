"""What goes on in a simulated fleet: an ordinary day, all at once, or everything that goes wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong: per vehicle and hour, or as a share of the readings."""

    overspeed_per_h: float = 0.0
    battery_failure_per_h: float = 0.0
    harsh_braking_per_h: float = 0.0
    silence_per_h: float = 0.0
    late_share: float = 0.0
    repeated_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """``parked_s``: how long vehicles stand at a destination, from and to; ``parked_share``: how many at first."""

    name: str
    parked_s: tuple[float, float]
    parked_share: float
    faults: Faults = Faults()


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("normal", parked_s=(40, 300), parked_share=0.25),
        Scenario("high-load", parked_s=(0, 0), parked_share=0),
        Scenario(
            "fault-injection",
            parked_s=(20, 120),
            parked_share=0.1,
            faults=Faults(
                overspeed_per_h=20,
                battery_failure_per_h=6,
                harsh_braking_per_h=40,
                silence_per_h=8,
                late_share=0.03,
                repeated_share=0.03,
            ),
        ),
    )
}

# How each fault goes, in seconds from and to.
OVERSPEED_KMH = 128.0
OVERSPEED_NEEDS_M = 600.0
HARSH_BRAKING_MS2 = (4.6, 6.8)
HARSH_BRAKING_ABOVE_KMH = 25.0
BATTERY_FALLS_TO_PCT = (2.0, 7.0)
BATTERY_FAILS_FOR_S = (90.0, 240.0)
SILENCE_S = (20.0, 120.0)
LATE_BY_S = (8.0, 90.0)
