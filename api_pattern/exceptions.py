"""What an endpoint may refuse; ``fleet_manager.errors`` knows the HTTP status of each."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _


class Refused(Exception):
    """A request that is refused with a sentence."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unprocessable(Refused):
    """The body or a parameter is wrong; ``errors`` names the fields."""

    def __init__(self, detail: str, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors


class PreconditionFailed(Refused):
    """The thing is no longer what ``If-Match`` says."""


class BodyTooLarge(Refused):
    """The body has more bytes than are taken."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or _("The body is too large; send less at once."))


class FleetForbidden(Refused):
    """A caller who is limited to fleets named one that is not theirs, whether it exists or not."""


class TooManyAttempts(Refused):
    """Tried too often; ``retry_after`` tells the seconds to wait."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Refused):
    """Something that the answer needs does not answer now."""
