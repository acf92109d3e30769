"""Logging in and out, and who has access to what."""

import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.exceptions import LastAdministrator, TokenRefused, WrongCredentials
from accounts.models import ApiKey, Fleet, Membership, RefreshToken, User
from accounts.tokens import sign

# Whatever of these changes ends the person's tokens and sessions.
ENDING_FIELDS = frozenset({"email", "role", "is_active"})


@dataclass(frozen=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int
    user: User


def check_credentials(email: str, password: str) -> User:
    """The active person with this e-mail and password; raises WrongCredentials."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        # As slow as a wrong password, so that the time tells nothing about who exists.
        make_password(password)
    elif user.check_password(password) and user.is_active:
        return user
    raise WrongCredentials(_("E-mail or password is wrong."))


def log_in(email: str, *, password: str) -> Tokens:
    user = check_credentials(email, password)
    now = timezone.now()
    RefreshToken.objects.filter(user=user, expires_at__lt=now).delete()
    User.objects.filter(pk=user.pk).update(last_login=now)
    return issue_tokens(user)


def issue_tokens(user: User, *, family: uuid.UUID | None = None) -> Tokens:
    """An access token and the refresh token that follows it; a new family stands for a new login."""
    secret = secrets.token_urlsafe(32)
    token = RefreshToken.objects.create(
        user=user,
        family=family or uuid.uuid4(),
        secret_sha256=ApiKey.digest(secret),
        stamp=user.stamp,
        expires_at=timezone.now() + settings.REFRESH_TOKEN_LIFETIME,
    )
    seconds = int(settings.ACCESS_TOKEN_LIFETIME.total_seconds())
    return Tokens(sign(user, token.family), f"{token.pk.hex}.{secret}", seconds, user)


def rotate_token(refresh_token: str) -> Tokens:
    """The next pair of tokens. Of many at once exactly one succeeds; raises TokenRefused.

    A token that was used before may have been stolen: its whole family ends, unless this call had begun
    when the other one succeeded (a client that sent the same request twice).
    """
    began = timezone.now()
    with transaction.atomic():
        token = _locked(refresh_token)
        if token is None:
            tokens = None
        elif token.used_at is not None:
            tokens = None
            if token.used_at < began:
                RefreshToken.objects.filter(family=token.family).delete()
        else:
            tokens = _next(token)
    if tokens is None:
        raise TokenRefused(_("The refresh token is wrong, used, expired or was ended; log in again."))
    return tokens


def log_out(user: User | None, *, refresh_token: str) -> None:
    """Ends the login that the token belongs to, if it is the person's own."""
    with transaction.atomic():
        token = _locked(refresh_token)
        if token and user and token.user_id == user.pk:
            RefreshToken.objects.filter(family=token.family).delete()


def _locked(refresh_token: str) -> RefreshToken | None:
    name, _dot, secret = refresh_token.partition(".")
    try:
        key = uuid.UUID(hex=name)
    except ValueError:
        return None
    token = RefreshToken.objects.select_for_update().filter(pk=key).first()
    return token if token and hmac.compare_digest(token.secret_sha256, ApiKey.digest(secret)) else None


def _next(token: RefreshToken) -> Tokens | None:
    now = timezone.now()
    user = User.objects.filter(pk=token.user_id, is_active=True).first()
    if user is None or token.expires_at <= now or not hmac.compare_digest(token.stamp, user.stamp):
        return None
    token.used_at = now
    token.save(update_fields=["used_at"])
    return issue_tokens(user, family=token.family)


# ---------------------------------------------------------------- people


@transaction.atomic
def create_person(values: dict[str, Any], *, fleets: Iterable[Fleet] = ()) -> User:
    """``values`` are fields of User and ``password``; without one the person cannot log in yet."""
    password = values.pop("password", None)
    user = User(**values)
    user.email = user.email.strip().lower()
    if password is not None:
        _check_password(password, user)
    user.set_password(password)
    user.save(force_insert=True)
    _belong(user, fleets)
    return user


@transaction.atomic
def update_person(user: User, values: dict[str, Any], *, fleets: Iterable[Fleet] | None = None) -> User:
    """Raises LastAdministrator where nobody would be left to administer."""
    stored = _lock_person(user)
    password = values.pop("password", None)
    if "email" in values:
        values["email"] = values["email"].strip().lower()
    changed = {name for name, value in values.items() if getattr(stored, name) != value}
    for name, value in values.items():
        setattr(stored, name, value)
    _check_administered(stored)
    if password is not None:
        _set_password(stored, password)
    if fleets is not None:
        _belong(stored, fleets)
    if changed & ENDING_FIELDS:
        _end_logins(stored)
    stored.version += 1
    stored.save()
    return stored


@transaction.atomic
def change_password(user: User, *, password: str, old_password: str | None = None) -> User:
    """Ends every token and session of the person. ``old_password`` is asked for one's own."""
    stored = _lock_person(user)
    if old_password is not None and not stored.check_password(old_password):
        raise ValidationError({"old_password": [_("This is not your password.")]})
    _set_password(stored, password)
    stored.version += 1
    stored.save()
    return stored


def set_role(user: User, *, role: str) -> User:
    return update_person(user, {"role": role})


@transaction.atomic
def delete_person(user: User) -> None:
    """What the person did stays told by e-mail in the histories."""
    stored = _lock_person(user)
    stored.is_active = False
    _check_administered(stored)
    stored.delete()


def _lock_person(user: User) -> User:
    """The row as it is, locked together with all administrators, so that two cannot end each other."""
    administrators = User.objects.filter(role=User.Role.ADMINISTRATOR) | User.objects.filter(pk=user.pk)
    locked = {one.pk: one for one in administrators.select_for_update().order_by("pk")}
    return locked[user.pk]


def _check_administered(user: User) -> None:
    if user.is_active and user.is_administrator:
        return
    others = User.objects.filter(role=User.Role.ADMINISTRATOR, is_active=True).exclude(pk=user.pk)
    was = User.objects.filter(pk=user.pk, role=User.Role.ADMINISTRATOR, is_active=True)
    if was.exists() and not others.exists():
        told = _("{email} is the last active administrator; make another person one first.")
        raise LastAdministrator(told.format(email=user.email))


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error


def _set_password(user: User, password: str) -> None:
    _check_password(password, user)
    user.set_password(password)
    _end_logins(user)


def _end_logins(user: User) -> None:
    """The stamp changes with the epoch: access tokens and sessions end with the commit."""
    user.token_epoch += 1
    RefreshToken.objects.filter(user=user).delete()


def _belong(user: User, fleets: Iterable[Fleet]) -> None:
    wanted = {fleet.pk for fleet in fleets}
    Membership.objects.filter(user=user, fleet__deleted_at__isnull=True).exclude(fleet__in=wanted).delete()
    Membership.objects.bulk_create(
        [Membership(user=user, fleet_id=pk) for pk in sorted(wanted)], ignore_conflicts=True
    )


@transaction.atomic
def add_membership(user: User, *, fleet: Fleet) -> Membership:
    return Membership.objects.create(user=user, fleet=fleet)


@transaction.atomic
def move_membership(membership: Membership, *, user: User, fleet: Fleet) -> Membership:
    membership.user, membership.fleet = user, fleet
    membership.save(update_fields=["user", "fleet"])
    return membership


def remove_membership(membership: Membership) -> None:
    membership.delete()


# ---------------------------------------------------------------- keys


@transaction.atomic
def create_key(values: dict[str, Any], *, fleets: Iterable[Fleet], by: User | None) -> tuple[ApiKey, str]:
    """The key and its secret, which is told this once."""
    secret = ApiKey.new_secret()
    key = ApiKey(**values, created_by=by, prefix=secret[:10], secret_sha256=ApiKey.digest(secret))
    key.save(force_insert=True)
    key.fleets.set(fleets)
    return key, secret


@transaction.atomic
def update_key(key: ApiKey, values: dict[str, Any], *, fleets: Iterable[Fleet] | None = None) -> ApiKey:
    for name, value in values.items():
        setattr(key, name, value)
    if fleets is not None:
        key.fleets.set(fleets)
    key.save(update_fields=[*values, "version"])
    ApiKey.objects.filter(pk=key.pk).update(version=F("version") + 1)
    return key


def revoke_key(key: ApiKey, *, at: datetime | None = None) -> None:
    """Dead with the commit. The row stays, for what it did names it."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at or timezone.now())
