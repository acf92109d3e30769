"""Names of time zones."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@cache
def time_zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def validate_time_zone(name: str) -> None:
    if name not in time_zone_names():
        told = _("“%(name)s” is not a time zone; “UTC” or “Europe/Berlin” are.")
        raise ValidationError(told, params={"name": name})
