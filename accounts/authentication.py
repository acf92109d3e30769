"""Who is calling: a person by an access token or a browser's session, a server or device by its key."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actors import Actor, KeyActor
from accounts.models import ApiKey
from accounts.tokens import person_of

LONGEST_CREDENTIAL = 4096


class _Header(BaseAuthentication):
    """``Authorization: <scheme> <credential>``."""

    scheme = ""

    def authenticate(self, request: Request) -> tuple[Actor, Any] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.scheme.lower().encode():
            return None
        if len(words) != 2 or len(words[1]) > LONGEST_CREDENTIAL:
            told = _("The header Authorization is not of the form “{scheme} …”.")
            raise AuthenticationFailed(told.format(scheme=self.scheme))
        return self.who(words[1].decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        return f'{self.scheme} realm="api"'

    def who(self, credential: str) -> tuple[Actor, Any]:
        raise NotImplementedError


class BearerAuthentication(_Header):
    scheme = "Bearer"

    def who(self, credential: str) -> tuple[Actor, Any]:
        person = person_of(credential)
        if person is None:
            raise AuthenticationFailed(
                _("The access token is wrong, has expired or was ended; log in again.")
            )
        return person, None


class ApiKeyAuthentication(_Header):
    scheme = "Api-Key"

    def who(self, credential: str) -> tuple[Actor, Any]:
        key = ApiKey.objects.filter(secret_sha256=ApiKey.digest(credential)).first()
        if key is None or not key.is_usable:
            raise AuthenticationFailed(_("The key is wrong, has expired or was revoked."))
        return KeyActor(key), key


class BrowserSessionAuthentication(SessionAuthentication):
    """A logged-in browser, which sends its CSRF token with every write."""
