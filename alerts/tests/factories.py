"""Alerts for tests: rows made as they are, and what a rule would hand over."""

from datetime import UTC, datetime
from typing import Any

import factory
from django.utils import timezone

from alerts.effects import Raise
from alerts.models import Alert, AlertEvent
from vehicle_management.tests.factories import VehicleFactory

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
RULE = {"kind": "rule", "rule_id": 12, "name": "Overspeed"}


class AlertFactory(factory.django.DjangoModelFactory):
    """An open alert that nobody knows of; ``closed=True`` ends it."""

    class Meta:
        model = Alert

    vehicle = factory.SubFactory(VehicleFactory)
    origin = factory.Sequence(lambda n: f"rule:{n}")
    alert_type = "OVERSPEED"
    severity = Alert.Severity.HIGH
    message = "92 km/h is faster than 80 km/h."
    field = "speed_kmh"
    value = worst_value = 92.0
    threshold = 80.0
    triggered_at = last_at = factory.LazyFunction(timezone.now)

    class Params:
        closed = factory.Trait(closed_at=factory.LazyFunction(timezone.now))


class AlertEventFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AlertEvent

    alert = factory.SubFactory(AlertFactory)
    kind = AlertEvent.Kind.RAISED


def a_raise(vehicle: int, **other: Any) -> Raise:
    """What rule 12 says of a vehicle that drives 92 km/h, but for what ``other`` says."""
    said: dict[str, Any] = {
        "origin": "rule:12",
        "vehicle": vehicle,
        "at": AT,
        "alert_type": "OVERSPEED",
        "severity": "HIGH",
        "message": "92 km/h is faster than 80 km/h.",
        "field": "speed_kmh",
        "value": 92.0,
        "threshold": 80.0,
        "low_is_worse": False,
        "escalate_to": [],
        "escalate_after_s": None,
        "cause": RULE,
    }
    return Raise(**{**said, **other})
