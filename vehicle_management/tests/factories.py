"""Vehicles for tests, made without the door where their history does not matter."""

import factory
from django.utils import timezone

from vehicle_management.models import Vehicle, VehicleStatus


class VehicleFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Vehicle

    vehicle_id = factory.Sequence(lambda n: f"VH-{n:04}")
    make = "Ford"
    model = "Transit 350"


class VehicleStatusFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = VehicleStatus

    vehicle = factory.SubFactory(VehicleFactory)
    recorded_at = factory.LazyFunction(timezone.now)
