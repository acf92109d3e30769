"""Access tokens: short-lived, signed, and dead as soon as their login or their person's stamp is."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import RefreshToken, User

ALGORITHM = "HS256"
CLAIMS = ["exp", "sub", "login", "stamp"]


def sign(user: User, login: UUID) -> str:
    """An access token of the person, valid while that login (a family of refresh tokens) is."""
    now = timezone.now()
    lifetime: timedelta = settings.ACCESS_TOKEN_LIFETIME
    claims = {"sub": str(user.pk), "login": login.hex, "stamp": user.stamp, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, _key(settings.SECRET_KEY), algorithm=ALGORITHM)


def person_of(token: str) -> User | None:
    """The active person whose token this is, or None."""
    claims = _claims(token)
    if claims is None:
        return None
    try:
        alive = RefreshToken.objects.filter(user=OuterRef("pk"), family=UUID(hex=str(claims["login"])))
        user = User.objects.filter(Exists(alive), pk=int(claims["sub"]), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and hmac.compare_digest(user.stamp, str(claims["stamp"])) else None


def end_of(token: str) -> float:
    """When the token ends, in seconds since 1970; 0 for one that is none."""
    return float((_claims(token) or {"exp": 0})["exp"])


def _claims(token: str) -> dict[str, Any] | None:
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            found: dict[str, Any] = jwt.decode(
                token, _key(secret), algorithms=[ALGORITHM], options={"require": CLAIMS}
            )
        except jwt.InvalidTokenError:
            continue
        return found
    return None


def _key(secret: str) -> bytes:
    """A key of the right length, and not the one that signs cookies."""
    return hashlib.sha256(b"access-token:" + secret.encode()).digest()
