"""Alerts: something about a vehicle that somebody has to know of, from its beginning to its end."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Cause, User
from alerts.querysets import AlertQuerySet
from vehicle_management.models import Vehicle


class Alert(models.Model):
    """Open until ``closed_at``; there is at most one open alert of an origin (``rule:12``) and a vehicle.

    ``triggered_at``, ``last_at`` and ``closed_at`` are in event time, ``raised_at`` is by our clock. ``value`` is
    what ``field`` was at first, ``worst_value`` the farthest beyond ``threshold`` so far, ``count`` how many
    reports said so.
    """

    class Severity(models.TextChoices):
        LOW = "LOW", _("low")
        MEDIUM = "MEDIUM", _("medium")
        HIGH = "HIGH", _("high")
        CRITICAL = "CRITICAL", _("critical")

    vehicle = models.ForeignKey(Vehicle, on_delete=models.PROTECT, related_name="alerts", db_index=False)
    origin = models.CharField(
        max_length=100, editable=False, help_text=_("What raises and closes it, as “rule:12”.")
    )
    alert_type = models.CharField(_("type"), max_length=64)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity, default=Severity.MEDIUM)
    message = models.TextField(_("message"), blank=True, default="")
    field = models.CharField(_("attribute"), max_length=100, blank=True, default="")
    value = models.FloatField(_("value"), null=True)
    threshold = models.FloatField(_("threshold"), null=True)
    worst_value = models.FloatField(_("worst value"), null=True)
    low_is_worse = models.BooleanField(default=False, editable=False)
    count = models.PositiveIntegerField(_("count"), default=1)
    triggered_at = models.DateTimeField(_("first time"))
    last_at = models.DateTimeField(_("last time"))
    raised_at = models.DateTimeField(_("raised at"), auto_now_add=True)
    told_at = models.DateTimeField(null=True, editable=False, help_text=_("When the bus was told of it."))
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    acknowledged_by = models.ForeignKey(
        Cause, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    notes = models.TextField(_("notes"), blank=True, default="")
    assignee = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="alerts",
        verbose_name=_("assignee"),
    )
    escalate_at = models.DateTimeField(
        null=True, help_text=_("When others are told, unless it is acknowledged or closed before.")
    )
    escalate_to = models.JSONField(default=list, blank=True)
    escalated_at = models.DateTimeField(_("escalated at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    objects = models.Manager.from_queryset(AlertQuerySet)()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("vehicle", "-triggered_at"), name="alert_of_vehicle"),
            models.Index(fields=("-id",), name="alert_open", condition=Q(closed_at__isnull=True)),
            models.Index(
                fields=("-id",), name="alert_unacknowledged", condition=Q(acknowledged_at__isnull=True)
            ),
            models.Index(
                fields=("escalate_at",),
                name="alert_to_escalate",
                condition=Q(escalate_at__isnull=False, escalated_at__isnull=True, closed_at__isnull=True),
            ),
            models.Index(fields=("id",), name="alert_untold", condition=Q(told_at__isnull=True)),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("origin", "vehicle"), condition=Q(closed_at__isnull=True), name="alert_is_open_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.alert_type} of {self.vehicle_id}"

    @property
    def is_acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def state(self) -> str:
        """``OPEN``, ``ACKNOWLEDGED`` (somebody knows, and it goes on) or ``CLOSED``."""
        if self.closed_at is not None:
            return "CLOSED"
        return "ACKNOWLEDGED" if self.is_acknowledged else "OPEN"


class AlertEvent(models.Model):
    """One step of an alert's story."""

    class Kind(models.TextChoices):
        RAISED = "RAISED", _("raised")
        ACKNOWLEDGED = "ACKNOWLEDGED", _("acknowledged")
        ASSIGNED = "ASSIGNED", _("assigned")
        ESCALATED = "ESCALATED", _("escalated")
        COMMENTED = "COMMENTED", _("commented")
        CLOSED = "CLOSED", _("closed")

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField(auto_now_add=True)
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.TextField(blank=True, default="")

    objects = models.Manager()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("alert", "id"), name="alert_event_of_alert"),)

    def __str__(self) -> str:
        return f"{self.kind} of alert {self.alert_id}"
