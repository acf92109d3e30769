"""People, fleets and who may see what."""

import hashlib
import secrets
import uuid
from functools import cached_property
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.querysets import AdministratorsOnlyQuerySet, FleetQuerySet, HideableQuerySet
from accounts.time_zones import validate_time_zone

validate_external_id = RegexValidator(
    r"\A[^/\x00-\x1f\x7f-\x9f]{1,64}\Z",
    _("“%(value)s” is not an id: 1 to 64 characters without “/” and control characters are."),
)


class AliveManager(models.Manager):
    """The rows that are not hidden; ``all_objects`` has the hidden ones too."""

    def get_queryset(self) -> HideableQuerySet:
        return super().get_queryset().filter(deleted_at__isnull=True)  # type: ignore[return-value]


class Hideable(models.Model):
    """Deleting hides a row and frees its id; an administrator restores or purges it."""

    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        base_manager_name = "all_objects"


class Cause(models.Model):
    """Who or what made a change, told once and pointed at by every row that it made.

    ``data`` holds ``{"kind": "upload", "upload_id", "name", "uploaded_by"}``,
    ``{"kind": "user", "user_id", "email"}``, ``{"kind": "api_key", "key_id", "name"}``,
    ``{"kind": "message", "channel"}`` or ``{"kind": "rule", "rule_id", "firing_id"}``; the row of a
    file stands beside the pointer.
    """

    data = models.JSONField(unique=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return str(self.data.get("kind"))

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        return cls.objects.get_or_create(data=data)[0]

    def told(self, row: int | None = None) -> dict[str, Any]:
        return self.data if row is None else {**self.data, "row": row}


class Made(Hideable):
    """A row that tells what made it, and counts how often it was written."""

    cause = models.ForeignKey(
        Cause, null=True, on_delete=models.PROTECT, editable=False, related_name="+", db_index=False
    )
    cause_row = models.PositiveIntegerField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(Hideable.Meta):
        abstract = True

    def told_cause(self) -> dict[str, Any] | None:
        return self.cause.told(self.cause_row) if self.cause else None


class Fleet(Hideable):
    class DateOrder(models.TextChoices):
        YMD = "YMD", _("year, month, day")
        DMY = "DMY", _("day, month, year")
        MDY = "MDY", _("month, day, year")

    fleet_id = models.CharField(_("fleet id"), max_length=64, validators=[validate_external_id])
    fleet_name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    date_order = models.CharField(
        _("order of dates"),
        max_length=3,
        choices=DateOrder,
        default=DateOrder.YMD,
        help_text=_("How a file's dates are read where their values leave it open."),
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AliveManager.from_queryset(FleetQuerySet)()
    all_objects = models.Manager.from_queryset(FleetQuerySet)()

    class Meta(Hideable.Meta):
        ordering = ("fleet_id",)
        constraints = (
            models.UniqueConstraint(
                fields=("fleet_id",),
                condition=Q(deleted_at__isnull=True),
                name="fleet_id_is_unique",
                violation_error_message=_("A fleet with this id exists already."),
            ),
            models.CheckConstraint(
                condition=Q(date_order__in=("YMD", "DMY", "MDY")),
                name="fleet_date_order_is_known",
                violation_error_message=_("The order of dates is YMD, DMY or MDY."),
            ),
        )

    def __str__(self) -> str:
        return self.fleet_id


class UserManager(BaseUserManager.from_queryset(AdministratorsOnlyQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user: User = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=User.Role.ADMINISTRATOR, **fields)


class User(AbstractBaseUser):
    """A person. Satisfies ``accounts.actors.Actor``."""

    class Role(models.TextChoices):
        ADMINISTRATOR = "ADMINISTRATOR", _("administrator")
        MANAGER = "MANAGER", _("manager")
        OPERATOR = "OPERATOR", _("operator")

    class Units(models.TextChoices):
        METRIC = "METRIC", _("kilometres, °C")
        IMPERIAL = "IMPERIAL", _("miles, °F")

    email = models.EmailField(
        _("e-mail"),
        max_length=254,
        unique=True,
        error_messages={"unique": _("A person with this e-mail exists already.")},
    )
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.OPERATOR)
    fleets = models.ManyToManyField(Fleet, through="Membership", related_name="people", blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    units = models.CharField(_("units"), max_length=8, choices=Units, default=Units.METRIC)
    is_active = models.BooleanField(_("active"), default=True)
    token_epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text=_("Counts up when password, role or activity change, which ends every token and session."),
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    # An Actor's other face: a person is no key.
    key = None
    bound_vehicle_id = None

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(
                condition=Q(email=Lower("email")),
                name="user_email_is_lower_case",
                violation_error_message=_("An e-mail is stored in lower case."),
            ),
            models.CheckConstraint(
                condition=Q(role__in=("ADMINISTRATOR", "MANAGER", "OPERATOR")),
                name="user_role_is_known",
                violation_error_message=_("A role is ADMINISTRATOR, MANAGER or OPERATOR."),
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def user(self) -> "User":
        return self

    @property
    def is_administrator(self) -> bool:
        return self.role == self.Role.ADMINISTRATOR

    @property
    def can_write(self) -> bool:
        return self.role in (self.Role.ADMINISTRATOR, self.Role.MANAGER)

    @property
    def is_staff(self) -> bool:
        return self.is_administrator

    @property
    def is_superuser(self) -> bool:
        return self.is_administrator

    @cached_property
    def fleets_by_id(self) -> dict[str, int]:
        return dict(Fleet.objects.filter(membership__user=self).values_list("fleet_id", "pk"))

    @cached_property
    def fleet_pks(self) -> frozenset[int]:
        return frozenset(self.fleets_by_id.values())

    @property
    def stamp(self) -> str:
        """Changes with the password, by whichever way it is set, and with ``token_epoch``."""
        return salted_hmac("accounts.stamp", f"{self.password}:{self.token_epoch}").hexdigest()[:32]

    def as_cause(self) -> dict[str, Any]:
        return {"kind": "user", "user_id": self.pk, "email": self.email}

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_administrator

    def has_perms(self, perms: Any, obj: object = None) -> bool:
        return self.is_active and self.is_administrator

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_administrator

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        base = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        return f"{base}:{self.token_epoch}"


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    fleet = models.ForeignKey(Fleet, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager.from_queryset(AdministratorsOnlyQuerySet)()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("user", "fleet"),
                name="membership_is_unique",
                violation_error_message=_("This person belongs to that fleet already."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.fleet}"


class ApiKey(models.Model):
    """A server's or device's key. Only its SHA-256 is kept; the secret has 256 random bits."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        WRITE = "write", _("write")
        INGEST = "ingest", _("ingest")

    name = models.CharField(_("name"), max_length=200)
    prefix = models.CharField(max_length=12, editable=False)
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    fleets = models.ManyToManyField(Fleet, related_name="api_keys", blank=True)
    vehicle_id = models.CharField(
        _("vehicle id"),
        max_length=64,
        null=True,
        blank=True,
        help_text=_("A key bound to a vehicle speaks for that vehicle alone."),
    )
    scopes = ArrayField(models.CharField(max_length=8, choices=Scope), verbose_name=_("scopes"))
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager.from_queryset(AdministratorsOnlyQuerySet)()

    class Meta:
        verbose_name = _("API key")
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "write", "ingest"]) & ~Q(scopes=[]),
                name="api_key_scopes_are_known",
                violation_error_message=_("A key's scopes are one or more of read, write and ingest."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @staticmethod
    def digest(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @staticmethod
    def new_secret() -> str:
        return f"fm_{secrets.token_urlsafe(32)}"


class RefreshToken(models.Model):
    """One link of a login's chain: used once, then followed by the next under a row lock."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    family = models.UUIDField(default=uuid.uuid4, db_index=True)
    secret_sha256 = models.CharField(max_length=64)
    stamp = models.CharField(max_length=32, help_text=_("The person's stamp when it was made."))
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return str(self.id)
