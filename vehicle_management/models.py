"""Vehicles, their latest status, and the record of every change."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from accounts.models import AliveManager, Cause, Fleet, Made, validate_external_id
from api_pattern.times import told_time
from customer_management.models import Customer
from msg_pattern.messages import Channel
from vehicle_management.fields import WrittenJSONField
from vehicle_management.querysets import OfVehicleQuerySet, VehicleQuerySet

models.CharField.register_lookup(Length)

FIRST_MODEL_YEAR, LAST_MODEL_YEAR = 1900, 2100
LANES = 8
FROM_THE_BUS = {"kind": "message", "channel": str(Channel.TELEMETRY_RAW)}


class Vehicle(Made):
    """A vehicle's main data. Written only through ``vehicle_management.services``."""

    vehicle_id = models.CharField(_("vehicle id"), max_length=64, validators=[validate_external_id])
    fleet = models.ForeignKey(
        Fleet,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="vehicles",
        verbose_name=_("fleet"),
    )
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="vehicles",
        verbose_name=_("customer"),
    )
    vin = models.CharField(_("VIN"), max_length=64, null=True, blank=True)
    plate = models.CharField(_("plate"), max_length=32, null=True, blank=True)
    make = models.CharField(_("make"), max_length=100, null=True, blank=True)
    model = models.CharField(_("model"), max_length=100, null=True, blank=True)
    model_year = models.PositiveSmallIntegerField(
        _("model year"),
        null=True,
        blank=True,
        validators=[MinValueValidator(FIRST_MODEL_YEAR), MaxValueValidator(LAST_MODEL_YEAR)],
    )
    vehicle_type = models.CharField(_("type"), max_length=100, null=True, blank=True)
    fuel_type = models.CharField(_("fuel"), max_length=50, null=True, blank=True)
    color = models.CharField(_("color"), max_length=50, null=True, blank=True)
    in_service_date = models.DateField(_("in service since"), null=True, blank=True)
    notes = models.TextField(_("notes"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)

    objects = AliveManager.from_queryset(VehicleQuerySet)()
    all_objects = models.Manager.from_queryset(VehicleQuerySet)()

    class Meta(Made.Meta):
        ordering = ("vehicle_id",)
        indexes = (
            models.Index(fields=("fleet", "vehicle_id"), name="vehicle_fleet_vehicle_id"),
            models.Index(fields=("vin",), name="vehicle_vin", condition=Q(vin__isnull=False)),
            models.Index(fields=("plate",), name="vehicle_plate", condition=Q(plate__isnull=False)),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("vehicle_id",),
                condition=Q(deleted_at__isnull=True),
                name="vehicle_id_is_unique",
                violation_error_message=_("A vehicle with this id exists already."),
            ),
            models.UniqueConstraint(
                fields=("vin",),
                condition=Q(deleted_at__isnull=True, vin__length=17),
                name="vehicle_vin_is_unique",
                violation_error_message=_("A vehicle with this VIN exists already."),
            ),
            models.CheckConstraint(
                condition=Q(model_year__isnull=True)
                | Q(model_year__range=(FIRST_MODEL_YEAR, LAST_MODEL_YEAR)),
                name="vehicle_model_year_is_a_year",
                violation_error_message=_("A model year lies between 1900 and 2100."),
            ),
        )

    def __str__(self) -> str:
        return self.vehicle_id


class VehicleStatus(models.Model):
    """A vehicle's latest known attributes, each with a time of its own.

    ``recorded_at`` is the newest of those times; ``times`` names the attributes whose value is older
    (ISO 8601, UTC). ``attributes`` holds what is not well-known.
    """

    class Status(models.TextChoices):
        IDLE = "IDLE", _("idle")
        MOVING = "MOVING", _("moving")
        ALERT = "ALERT", _("alert")
        LOW_BATTERY = "LOW_BATTERY", _("low battery")
        OFFLINE = "OFFLINE", _("offline")
        STOPPED = "STOPPED", _("stopped")

    vehicle = models.OneToOneField(Vehicle, primary_key=True, on_delete=models.CASCADE, related_name="status")
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    speed_kmh = models.FloatField(_("speed"), null=True, blank=True)
    heading_deg = models.FloatField(_("heading"), null=True, blank=True)
    odometer_km = models.FloatField(_("odometer"), null=True, blank=True)
    battery_pct = models.FloatField(_("battery"), null=True, blank=True)
    fuel_pct = models.FloatField(_("fuel"), null=True, blank=True)
    engine_temp_c = models.FloatField(_("engine temperature"), null=True, blank=True)
    load_pct = models.FloatField(_("load"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, null=True, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    times = models.JSONField(default=dict, blank=True, editable=False)

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        verbose_name_plural = _("vehicle statuses")
        indexes = (models.Index(fields=("recorded_at",), name="vehicle_status_recorded_at"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(latitude__isnull=True) | Q(latitude__range=(-90, 90)),
                name="status_latitude_in_range",
                violation_error_message=_("A latitude lies between -90 and 90 degrees."),
            ),
            models.CheckConstraint(
                condition=Q(longitude__isnull=True) | Q(longitude__range=(-180, 180)),
                name="status_longitude_in_range",
                violation_error_message=_("A longitude lies between -180 and 180 degrees."),
            ),
        )

    def __str__(self) -> str:
        return f"status of {self.vehicle_id}"


class VehicleChange(models.Model):
    """One change of one vehicle: ``changes`` maps a field to ``[before, after]``."""

    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="changes", db_index=False)
    at = models.DateTimeField()
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+", db_index=False)
    cause_row = models.PositiveIntegerField(null=True)
    changes = models.JSONField()

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("vehicle", "-id"), name="vehicle_change_of_vehicle"),
            models.Index(fields=("cause", "cause_row"), name="vehicle_change_of_cause"),
        )

    def __str__(self) -> str:
        return f"{self.vehicle_id} at {self.at:%Y-%m-%d %H:%M}"

    def told_cause(self) -> dict[str, Any]:
        return self.cause.told(self.cause_row)


class AttributeType(models.Model):
    """The registry of attributes that are not well-known: each has the type it was first seen with."""

    class Kind(models.TextChoices):
        NUMBER = "number", _("number")
        TEXT = "text", _("text")
        BOOLEAN = "boolean", _("yes or no")
        TIME = "time", _("time")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("type"), max_length=8, choices=Kind)
    first_seen = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=("number", "text", "boolean", "time")),
                name="attribute_kind_is_known",
                violation_error_message=_("An attribute's type is number, text, boolean or time."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


class ChangeBatch(models.Model):
    """What one transaction changed on the vehicles of one lane; the truth behind the bell.

    ``old`` and ``new`` are arrays as long as ``vehicles``; each item holds the values of ``fields`` in
    their order. A field's name tells its home: ``fleet``, ``customer`` and other main data by name,
    status attributes as ``status.<name>``, a vehicle's other attributes as ``attributes.<name>``.

    A file's new vehicles, and their first statuses, come without both: they began as what they are, less
    what later batches changed.

    A batch of readings may hold a vehicle several times, in event order; ``received`` (milliseconds since
    1970) and ``senders`` tell of each how it came, with no sender for what came on the bus.
    """

    lane = models.PositiveSmallIntegerField()
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+", db_index=False)
    fields = ArrayField(models.TextField())
    vehicles = ArrayField(models.BigIntegerField())
    rows = ArrayField(models.IntegerField(null=True), null=True)
    times = ArrayField(models.DateTimeField(null=True), null=True)
    old = WrittenJSONField(null=True)
    new = WrittenJSONField(null=True)
    received = ArrayField(models.BigIntegerField(), null=True)
    senders = ArrayField(models.TextField(), null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    objects = models.Manager()

    class Meta:
        indexes = (
            models.Index(
                fields=("lane", "id"), name="change_batch_pending", condition=Q(done_at__isnull=True)
            ),
            models.Index(fields=("done_at",), name="change_batch_done", condition=Q(done_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"batch {self.pk}"

    def told_cause(self, position: int) -> dict[str, Any]:
        """What made the change at this position, told whole."""
        if self.received is None or self.senders is None or self.times is None:
            return self.cause.told(self.rows[position] if self.rows else None)
        at, sender = self.times[position], self.senders[position]
        kind = {"kind": "reading", "sender": sender} if sender else FROM_THE_BUS
        received = datetime.fromtimestamp(self.received[position] / 1000, UTC)
        return {**kind, "recorded_at": told_time(at), "received_at": told_time(received)}
