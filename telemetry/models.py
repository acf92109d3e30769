"""Readings by day, their sums by bucket, trips with their scores, and what could not be taken."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import Cause, Fleet
from telemetry.querysets import ArchiveQuerySet, ParkedQuerySet
from vehicle_management.models import Vehicle
from vehicle_management.querysets import OfVehicleQuerySet

MICRODEGREES = 1_000_000


class Reading(models.Model):
    """One telemetry record of a vehicle at one time; the first of the same time wins.

    The table is partitioned by day of ``recorded_at`` (UTC). Speeds are km/h, temperatures °C, levels %,
    acceleration g; latitude and longitude are millionths of a degree. What is not well-known lies in
    ``attributes``. ``vehicle`` is the vehicle's key without a foreign key, whose check would cost as much
    as storing the row.
    """

    pk = models.CompositePrimaryKey("vehicle", "recorded_at")
    recorded_at = models.DateTimeField()
    received_at = models.DateTimeField()
    odometer_km = models.FloatField(null=True)
    vehicle = models.IntegerField()
    latitude_e6 = models.IntegerField(null=True)
    longitude_e6 = models.IntegerField(null=True)
    speed_kmh = models.FloatField(null=True)
    heading_deg = models.FloatField(null=True)
    battery_pct = models.FloatField(null=True)
    fuel_pct = models.FloatField(null=True)
    engine_temp_c = models.FloatField(null=True)
    load_pct = models.FloatField(null=True)
    g_force_long = models.FloatField(null=True)
    status = models.CharField(max_length=16, null=True)
    attributes = models.JSONField(null=True)

    objects = models.Manager()

    class Meta:
        managed = False
        db_table = "telemetry_reading"

    def __str__(self) -> str:
        return f"vehicle {self.vehicle} at {self.recorded_at}"


class Rollup(models.Model):
    """The readings of one vehicle in one bucket: ``width`` is 300, 3,600 or 86,400 s, from ``bucket`` on.

    ``distance_km`` is along the positions inside the bucket; the way from its last fix to the next
    bucket's first is added where buckets are put together.

    ``archived`` (of days) says that the vehicle's readings of that day lie in an archive: a late reading is
    added to what the bucket held then, which is kept as a row whose ``width`` is -300.
    """

    pk = models.CompositePrimaryKey("width", "vehicle", "bucket")
    width = models.IntegerField()
    vehicle = models.IntegerField()
    bucket = models.DateTimeField()
    readings = models.IntegerField()
    speed_count = models.IntegerField()
    speed_sum = models.FloatField(null=True)
    speed_min = models.FloatField(null=True)
    speed_max = models.FloatField(null=True)
    battery_count = models.IntegerField()
    battery_sum = models.FloatField(null=True)
    battery_min = models.FloatField(null=True)
    battery_max = models.FloatField(null=True)
    temp_count = models.IntegerField()
    temp_sum = models.FloatField(null=True)
    temp_min = models.FloatField(null=True)
    temp_max = models.FloatField(null=True)
    odometer_count = models.IntegerField()
    odometer_first = models.FloatField(null=True)
    odometer_last = models.FloatField(null=True)
    distance_km = models.FloatField()
    first_latitude_e6 = models.IntegerField(null=True)
    first_longitude_e6 = models.IntegerField(null=True)
    last_latitude_e6 = models.IntegerField(null=True)
    last_longitude_e6 = models.IntegerField(null=True)
    archived = models.BooleanField(default=False, db_default=False)

    objects = models.Manager()

    def __str__(self) -> str:
        return f"{self.width} s of vehicle {self.vehicle} from {self.bucket}"


class StaleBuckets(models.Model):
    """What one transaction stored: pairs of vehicle and 5-minute bucket whose rollups are out of date.

    Only appended to and deleted, so that those who store never wait for who rolls up.
    """

    vehicles = ArrayField(models.IntegerField())
    buckets = ArrayField(models.DateTimeField())
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return f"stale {self.pk}"


class ParkedEntry(models.Model):
    """What came on a channel and could not be taken, with the reason; administrators try it again."""

    channel = models.CharField(_("channel"), max_length=100)
    entry = models.CharField(_("entry"), max_length=100, help_text=_("Its id on the channel, and its part."))
    data = models.BinaryField(_("data"))
    reason = models.TextField(_("reason"))
    sender = models.CharField(_("sender"), max_length=100, blank=True, default="")
    received_at = models.DateTimeField(_("received at"))
    parked_at = models.DateTimeField(_("parked at"), auto_now_add=True)

    objects = models.Manager.from_queryset(ParkedQuerySet)()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("parked entry")
        verbose_name_plural = _("parked entries")
        indexes = (models.Index(fields=("parked_at",), name="parked_entry_parked_at"),)
        constraints = (models.UniqueConstraint(fields=("channel", "entry"), name="parked_entry_is_unique"),)

    def __str__(self) -> str:
        return f"{self.channel} {self.entry}"


class Trip(models.Model):
    """One drive: posted as a trip, or found in a vehicle's plain readings."""

    class Origin(models.TextChoices):
        POSTED = "POSTED", _("posted")
        FOUND = "FOUND", _("found")

    class Status(models.TextChoices):
        PENDING = "PENDING", _("pending")
        PROCESSING = "PROCESSING", _("processing")
        COMPLETED = "COMPLETED", _("completed")
        FAILED = "FAILED", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="trips", db_index=False)
    driver_id = models.CharField(_("driver"), max_length=64, blank=True, default="")
    origin = models.CharField(_("origin"), max_length=8, choices=Origin, default=Origin.POSTED)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.PENDING)
    reason = models.TextField(_("reason"), blank=True, default="")
    cause = models.ForeignKey(Cause, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=255, null=True, editable=False)
    sender = models.CharField(max_length=100, blank=True, default="", editable=False)
    body = models.BinaryField(null=True, help_text=_("As it was posted, gzipped."))
    body_sha256 = models.CharField(max_length=64, blank=True, default="", editable=False)
    started_at = models.DateTimeField(_("started at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    duration_s = models.FloatField(_("duration"), null=True)
    distance_km = models.FloatField(_("distance"), null=True)
    max_speed_kmh = models.FloatField(_("highest speed"), null=True)
    samples = models.PositiveIntegerField(_("samples"), default=0)
    safety_score = models.FloatField(_("safety score"), null=True)
    harsh_braking_count = models.PositiveIntegerField(_("harsh brakings"), default=0)
    rapid_accel_count = models.PositiveIntegerField(_("rapid accelerations"), default=0)
    harsh_braking_episodes = models.PositiveIntegerField(default=0)
    rapid_accel_episodes = models.PositiveIntegerField(default=0)
    events = models.JSONField(default=list, blank=True)
    thresholds = models.JSONField(default=dict, blank=True, help_text=_("What it was scored with."))
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    scored_at = models.DateTimeField(_("scored at"), null=True)

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("vehicle", "-started_at"), name="trip_of_vehicle"),
            models.Index(fields=("driver_id", "-started_at"), name="trip_of_driver"),
            models.Index(fields=("-created_at", "-id"), name="trip_newest"),
            models.Index(Coalesce("started_at", "created_at"), name="trip_began"),
            models.Index(
                fields=("created_at",),
                name="trip_to_be_scored",
                condition=Q(status__in=("PENDING", "PROCESSING")),
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("sender", "idempotency_key"),
                name="trip_is_posted_once",
                condition=Q(idempotency_key__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("vehicle", "started_at"), name="trip_is_found_once", condition=Q(origin="FOUND")
            ),
            models.CheckConstraint(
                condition=Q(safety_score__isnull=True) | Q(safety_score__range=(0, 100)),
                name="trip_score_in_range",
                violation_error_message=_("A safety score lies between 0 and 100."),
            ),
        )

    def __str__(self) -> str:
        return f"trip {self.id}"


class Stop(models.Model):
    """Where a vehicle stood between two trips, found in its readings."""

    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="stops", db_index=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    latitude_e6 = models.IntegerField(null=True)
    longitude_e6 = models.IntegerField(null=True)

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        ordering = ("-started_at",)
        constraints = (models.UniqueConstraint(fields=("vehicle", "started_at"), name="stop_is_found_once"),)

    def __str__(self) -> str:
        return f"stop of {self.vehicle_id} at {self.started_at}"


class TripScan(models.Model):
    """A vehicle whose readings changed since ``since``: its trips and stops are to be found again."""

    vehicle = models.IntegerField(primary_key=True)
    since = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = models.Manager()

    def __str__(self) -> str:
        return f"vehicle {self.vehicle} since {self.since}"


class Retention(models.Model):
    """For how long a fleet's readings are kept at hand; the setting READINGS_KEEP_DAYS where there is none."""

    fleet = models.OneToOneField(Fleet, on_delete=models.CASCADE, related_name="retention")
    days = models.PositiveIntegerField(_("days"))

    objects = models.Manager()

    class Meta:
        verbose_name_plural = _("retentions")
        constraints = (
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=4_000),
                name="retention_in_range",
                violation_error_message=_("Readings are kept for 1 to 4,000 days."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.fleet}: {self.days} days"


class Archive(models.Model):
    """A fleet's readings of one day in a Parquet file in the storage; a way back is to load it again."""

    class Status(models.TextChoices):
        WRITING = "WRITING", _("being written")
        STORED = "STORED", _("stored")
        RESTORING = "RESTORING", _("being restored")
        RESTORED = "RESTORED", _("restored")

    fleet = models.ForeignKey(
        Fleet, null=True, on_delete=models.SET_NULL, related_name="archives", verbose_name=_("fleet")
    )
    day = models.DateField(_("day"))
    name = models.CharField(_("file"), max_length=300, unique=True)
    vehicles = ArrayField(
        models.IntegerField(), default=list, help_text=_("The keys of those that it holds.")
    )
    readings = models.PositiveBigIntegerField(_("readings"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.WRITING)
    created_at = models.DateTimeField(auto_now_add=True)
    restored_until = models.DateTimeField(
        _("restored until"), null=True, help_text=_("Restored readings stay until then.")
    )
    reason = models.TextField(
        _("reason"), blank=True, default="", help_text=_("Why it could not be restored.")
    )

    objects = models.Manager.from_queryset(ArchiveQuerySet)()

    class Meta:
        ordering = ("-day", "-id")
        verbose_name = _("archive")
        verbose_name_plural = _("archives")
        indexes = (models.Index(fields=("day",), name="archive_day"),)

    def __str__(self) -> str:
        return self.name
