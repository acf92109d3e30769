"""Rules, what they are in, and what they did."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AliveManager, ApiKey, Fleet, Hideable, User
from customer_management.models import Customer
from rules.querysets import FiringActionQuerySet, RuleQuerySet
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.querysets import OfVehicleQuerySet


class Rule(Hideable):
    """When a vehicle's pattern becomes true, do the actions.

    ``version`` counts pattern and scope, ``edits`` every change, ``epoch`` how often the rule began anew
    (made, changed in pattern or scope, enabled): states and scans of another epoch count for nothing.
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
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_by_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    edits = models.PositiveIntegerField(default=1, editable=False)
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


class RuleState(models.Model):
    """The rule's pattern is true for the vehicle now. Rows stand for true ones only."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="states", db_index=False)
    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    since = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("rule", "vehicle"), name="rule_state_is_unique"),)

    def __str__(self) -> str:
        return f"rule {self.rule_id} is true for vehicle {self.vehicle_id}"


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
    """One time that a rule's pattern became true for a vehicle."""

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="firings", db_index=False)
    rule_version = models.PositiveIntegerField()
    vehicle = models.ForeignKey(Vehicle, on_delete=models.PROTECT, related_name="firings", db_index=False)
    batch = models.BigIntegerField(
        null=True, help_text=_("The change batch that it crossed in; none for a scan.")
    )
    seq = models.PositiveIntegerField(default=0)
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
