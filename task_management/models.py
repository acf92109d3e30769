"""Tasks and their transitions."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import AliveManager, Cause, Made, User
from customer_management.models import Customer
from task_management.querysets import TaskCommentQuerySet, TaskQuerySet
from vehicle_management.models import Vehicle


class Task(Made):
    """Something to do, on a vehicle or for a customer. Open until complete or canceled."""

    class Status(models.TextChoices):
        CREATED = "created", _("created")
        COMPLETE = "complete", _("complete")
        CANCELED = "canceled", _("canceled")

    external_id = models.CharField(_("external id"), max_length=64, null=True, blank=True)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    status = models.CharField(
        _("status"), max_length=8, choices=Status, default=Status.CREATED, editable=False
    )
    vehicle = models.ForeignKey(
        Vehicle,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tasks",
        verbose_name=_("vehicle"),
    )
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tasks",
        verbose_name=_("customer"),
    )
    assignee = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        verbose_name=_("assignee"),
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    checklist = models.JSONField(
        _("checklist"), default=list, blank=True, help_text=_("A list of {“text”, “done”}.")
    )
    completed_at = models.DateTimeField(_("completed at"), null=True, editable=False)
    canceled_at = models.DateTimeField(_("canceled at"), null=True, editable=False)
    closed_by = models.ForeignKey(
        Cause, null=True, on_delete=models.PROTECT, editable=False, related_name="+", db_index=False
    )
    origin = models.CharField(
        max_length=100,
        null=True,
        unique=True,
        editable=False,
        help_text=_("What made it, as “firing:812:0”; makes making it idempotent."),
    )

    objects = AliveManager.from_queryset(TaskQuerySet)()
    all_objects = models.Manager.from_queryset(TaskQuerySet)()

    class Meta(Made.Meta):
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("status", "due_at"), name="task_status_due"),
            models.Index(fields=("-created_at",), name="task_created_at"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("external_id",),
                condition=Q(deleted_at__isnull=True),
                name="task_external_id_is_unique",
                violation_error_message=_("A task with this external id exists already."),
            ),
            models.CheckConstraint(
                condition=Q(status="created", completed_at__isnull=True, canceled_at__isnull=True)
                | Q(status="complete", completed_at__isnull=False, canceled_at__isnull=True)
                | Q(status="canceled", completed_at__isnull=True, canceled_at__isnull=False),
                name="task_status_has_its_time",
                violation_error_message=_("A complete or canceled task has the time at which it became so."),
            ),
            models.CheckConstraint(
                condition=~Q(title=""),
                name="task_has_a_title",
                violation_error_message=_("A task needs a title."),
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.CREATED

    @property
    def items_done(self) -> int:
        return sum(item["done"] for item in self.checklist)

    def told_closed_by(self) -> dict[str, Any] | None:
        return self.closed_by.told() if self.closed_by else None


class TaskComment(models.Model):
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="comments")
    by = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.TextField(_("text"), max_length=10_000)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager.from_queryset(TaskCommentQuerySet)()

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.text[:50]
