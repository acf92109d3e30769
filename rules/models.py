"""Rules, what they are in, and what they did."""

import base64
import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AliveManager, ApiKey, Cause, Fleet, Hideable, User
from alerts.models import Alert
from customer_management.models import Customer
from rules.querysets import FiringActionQuerySet, RuleQuerySet
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.querysets import OfVehicleQuerySet


def new_secret() -> str:
    """What a rule's webhooks are signed with: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


class Rule(Hideable):
    """When a vehicle's pattern becomes true, do the actions.

    ``version`` counts every change, ``epoch`` how often the rule began anew (made, changed in what decides
    when it fires, enabled): states and scans of another epoch count for nothing.
    """

    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    enabled = models.BooleanField(_("enabled"), default=True)
    everything = models.BooleanField(_("watches everything"), default=False)
    fleets = models.ManyToManyField(Fleet, blank=True, related_name="rules", verbose_name=_("fleets"))
    customers = models.ManyToManyField(
        Customer, blank=True, related_name="rules", verbose_name=_("customers")
    )
    vehicles = models.ManyToManyField(Vehicle, blank=True, related_name="rules", verbose_name=_("vehicles"))
    tasks = models.ManyToManyField(Task, blank=True, related_name="rules", verbose_name=_("tasks"))
    pattern = models.JSONField(_("pattern"))
    actions = models.JSONField(_("actions"), default=list, blank=True)
    skip_current = models.BooleanField(
        _("skip what is true already"),
        default=False,
        help_text=_("Does not fire for vehicles for which the pattern is true when the rule starts."),
    )
    clear = models.JSONField(
        _("clear pattern"),
        null=True,
        blank=True,
        help_text=_("When it ends; where there is none, as soon as the pattern is false."),
    )
    lateness_s = models.PositiveIntegerField(
        _("lateness"), default=0, help_text=_("So many seconds are late readings waited for; 0: none.")
    )
    repeat_s = models.PositiveIntegerField(
        _("repeat"), null=True, blank=True, help_text=_("Fires again every so many seconds while it is true.")
    )
    cooldown_s = models.PositiveIntegerField(
        _("cooldown of a vehicle"), default=0, help_text=_("Seconds between two firings for one vehicle.")
    )
    cooldown_rule_s = models.PositiveIntegerField(
        _("cooldown of the rule"), default=0, help_text=_("Seconds between two firings for any vehicles.")
    )
    per_day = models.PositiveIntegerField(
        _("most a day for a vehicle"), null=True, blank=True, help_text=_("Days are those of UTC.")
    )
    per_day_rule = models.PositiveIntegerField(
        _("most a day"),
        null=True,
        blank=True,
        help_text=_("For all vehicles together; days are those of UTC."),
    )
    webhook_secret = models.CharField(max_length=64, default=new_secret, editable=False)
    shipped_as = models.CharField(
        max_length=32,
        null=True,
        unique=True,
        editable=False,
        help_text=_("Name of a rule that came with us."),
    )
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_by_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    epoch = models.PositiveIntegerField(default=1, editable=False)
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    watched_as = models.CharField(
        max_length=64,
        default="",
        editable=False,
        help_text=_("Digest of the fleets that its maker saw when vehicles were last looked through."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AliveManager.from_queryset(RuleQuerySet)()
    all_objects = models.Manager.from_queryset(RuleQuerySet)()

    class Meta(Hideable.Meta):
        ordering = ("name", "pk")
        constraints = (
            models.CheckConstraint(
                condition=~Q(name=""),
                name="rule_has_a_name",
                violation_error_message=_("A rule needs a name."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """What a rule said at one time, and who made it say so."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text=_("As the API tells it: name, pattern, scope, actions, …"))
    changed = ArrayField(models.TextField(), default=list, help_text=_("What differs from the one before."))
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("rule", "number"), name="rule_version_is_unique"),)

    def __str__(self) -> str:
        return f"version {self.number} of rule {self.rule_id}"


class RuleState(models.Model):
    """What a rule remembers of a vehicle, in event time; no row where there is nothing to remember.

    ``attentive`` states want to see every report of the vehicle, ``wake_at`` is when (of our clock) to look
    again though none came.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="states", db_index=False)
    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    is_true = models.BooleanField(default=True)
    since = models.DateTimeField(null=True, help_text=_("When it became true, in event time."))
    attentive = models.BooleanField(default=False)
    wake_at = models.DateTimeField(null=True)
    memory = models.JSONField(null=True)

    objects = models.Manager()

    class Meta:
        indexes = (
            models.Index(fields=("vehicle",), name="rule_state_attentive", condition=Q(attentive=True)),
            models.Index(fields=("wake_at",), name="rule_state_wakes", condition=Q(wake_at__isnull=False)),
        )
        constraints = (models.UniqueConstraint(fields=("rule", "vehicle"), name="rule_state_is_unique"),)

    def __str__(self) -> str:
        return f"rule {self.rule_id} of vehicle {self.vehicle_id}"


class LaneClock(models.Model):
    """Up to when the clock was asked in a lane, for all rules that go by time."""

    lane = models.PositiveSmallIntegerField(primary_key=True)
    ticked_at = models.DateTimeField()

    objects = models.Manager()

    def __str__(self) -> str:
        return f"clock of lane {self.lane}"


class RuleTotal(models.Model):
    """How often a rule fired for all vehicles: what its cooldown and its limit a day go by."""

    rule = models.OneToOneField(Rule, primary_key=True, on_delete=models.CASCADE, related_name="total")
    last_at = models.DateTimeField()
    day = models.DateField()
    count = models.PositiveIntegerField()
    held_back = models.PositiveBigIntegerField(default=0)

    objects = models.Manager()

    def __str__(self) -> str:
        return f"total of rule {self.rule_id}"


class RuleScan(models.Model):
    """A rule that began anew still has this lane's vehicles after ``after_vehicle`` to look at."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="scans", db_index=False)
    lane = models.PositiveSmallIntegerField()
    epoch = models.PositiveIntegerField()
    after_vehicle = models.BigIntegerField(default=0)

    objects = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("rule", "lane"), name="rule_scan_is_unique"),)

    def __str__(self) -> str:
        return f"scan of rule {self.rule_id} in lane {self.lane}"


class Firing(models.Model):
    """One time that a rule's pattern became true for a vehicle, or was so still when it was to be told again.

    ``occurred_at`` is in event time, ``fired_at`` by our clock. ``parent`` is the firing whose action led to
    this one, ``hops`` how many led to it.
    """

    class Kind(models.TextChoices):
        FIRED = "FIRED", _("became true")
        REPEATED = "REPEATED", _("still true")

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="firings", db_index=False)
    rule_version = models.PositiveIntegerField()
    vehicle = models.ForeignKey(Vehicle, on_delete=models.PROTECT, related_name="firings", db_index=False)
    batch = models.BigIntegerField(
        null=True, help_text=_("The change batch that it crossed in; none for a scan.")
    )
    seq = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.FIRED)
    occurred_at = models.DateTimeField(default=timezone.now)
    cleared_at = models.DateTimeField(null=True, help_text=_("When it ended, in event time."))
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    hops = models.PositiveSmallIntegerField(default=0)
    fired_at = models.DateTimeField(auto_now_add=True)
    explanation = models.TextField()
    cause = models.JSONField()

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("rule", "-id"), name="firing_of_rule"),
            models.Index(fields=("vehicle", "-id"), name="firing_of_vehicle"),
            models.Index(fields=("fired_at",), name="firing_fired_at"),
            models.Index(
                fields=("rule", "vehicle"), name="firing_lasting", condition=Q(cleared_at__isnull=True)
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("batch", "rule", "vehicle", "seq"), name="firing_is_unique"),
        )

    def __str__(self) -> str:
        return f"firing {self.pk}"


class FiringAction(models.Model):
    """The outbox: one action that a firing owes, with its attempts."""

    class Status(models.TextChoices):
        PENDING = "PENDING", _("pending")
        DONE = "DONE", _("done")
        FAILED = "FAILED", _("failed")
        PARKED = "PARKED", _("parked")

    firing = models.ForeignKey(Firing, on_delete=models.CASCADE, related_name="actions", db_index=False)
    index = models.PositiveSmallIntegerField()
    type = models.CharField(max_length=32)
    params = models.JSONField()
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(auto_now_add=True)
    result = models.TextField(blank=True, default="")
    task = models.ForeignKey(Task, null=True, on_delete=models.SET_NULL, related_name="made_by")
    alert = models.ForeignKey(Alert, null=True, on_delete=models.SET_NULL, related_name="raised_by")
    done_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(FiringActionQuerySet)()

    class Meta:
        ordering = ("firing", "index")
        indexes = (
            models.Index(fields=("next_at",), name="firing_action_pending", condition=Q(status="PENDING")),
            models.Index(
                fields=("firing",), name="firing_action_failing", condition=Q(status__in=("FAILED", "PARKED"))
            ),
        )
        constraints = (models.UniqueConstraint(fields=("firing", "index"), name="firing_action_is_unique"),)

    def __str__(self) -> str:
        return f"{self.type} of firing {self.firing_id}"


class ActionAttempt(models.Model):
    """One time that an action was tried: what came of it, in a sentence, and how long it took."""

    action = models.ForeignKey(FiringAction, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    took_ms = models.PositiveIntegerField()
    status = models.CharField(max_length=8, choices=FiringAction.Status)
    answer = models.TextField(blank=True, default="")

    objects = models.Manager()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("action", "id"), name="action_attempt_of_action"),)

    def __str__(self) -> str:
        return f"attempt {self.number} of action {self.action_id}"


class LogEntry(models.Model):
    """What *store log* stored."""

    class Level(models.TextChoices):
        DEBUG = "DEBUG", _("debug")
        INFO = "INFO", _("info")
        WARNING = "WARNING", _("warning")
        ERROR = "ERROR", _("error")

    level = models.CharField(max_length=8, choices=Level, default=Level.INFO)
    message = models.TextField()
    vehicle = models.ForeignKey(Vehicle, on_delete=models.PROTECT, related_name="logs", db_index=False)
    action = models.OneToOneField(FiringAction, on_delete=models.CASCADE, related_name="log_entry")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager.from_queryset(OfVehicleQuerySet)()

    class Meta:
        verbose_name_plural = _("log entries")
        ordering = ("-id",)
        indexes = (models.Index(fields=("vehicle", "-id"), name="log_entry_of_vehicle"),)

    def __str__(self) -> str:
        return self.message[:50]
