"""Whom the vehicles serve."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import AliveManager, ApiKey, Made, User
from customer_management.querysets import CustomerQuerySet


class Customer(Made):
    external_id = models.CharField(
        _("external id"),
        max_length=64,
        null=True,
        blank=True,
        help_text=_("Another system's own id; unique among customers."),
    )
    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True, default="")
    phone = models.CharField(_("phone"), max_length=64, blank=True, default="")
    address = models.TextField(_("address"), blank=True, default="")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_by_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )

    objects = AliveManager.from_queryset(CustomerQuerySet)()
    all_objects = models.Manager.from_queryset(CustomerQuerySet)()

    class Meta(Made.Meta):
        ordering = ("name", "pk")
        indexes = (
            models.Index(fields=("name", "id"), name="customer_name"),
            models.Index(fields=("email",), name="customer_email", condition=~Q(email="")),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("external_id",),
                condition=Q(deleted_at__isnull=True),
                name="customer_external_id_is_unique",
                violation_error_message=_("A customer with this external id exists already."),
            ),
            models.CheckConstraint(
                condition=~Q(name=""),
                name="customer_has_a_name",
                violation_error_message=_("A customer needs a name."),
            ),
        )

    def __str__(self) -> str:
        return self.name
