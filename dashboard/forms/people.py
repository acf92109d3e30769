"""People, keys, fleets, and what a person says of himself."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Fleet, User, validate_external_id
from accounts.time_zones import time_zone_names
from dashboard.forms.base import MOMENT_HELP, StyledForm
from dashboard.forms.tasks import MOMENT

LONGEST_PASSWORD = 1024
MOST_DAYS_KEPT = 4_000


def zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(time_zone_names())]


class FleetsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.fleet_name} ({obj.fleet_id})"


def password_field(label: Any, *, required: bool = True, purpose: str = "new-password") -> forms.CharField:
    return forms.CharField(
        max_length=LONGEST_PASSWORD,
        required=required,
        strip=False,
        label=label,
        widget=forms.PasswordInput(attrs={"autocomplete": purpose}),
    )


class ProfileForm(StyledForm):
    name = forms.CharField(max_length=200, required=False, label=_("name"))
    time_zone = forms.ChoiceField(
        choices=zones, label=_("time zone"), help_text=_("Times on pages are told in it.")
    )
    units = forms.ChoiceField(choices=User.Units.choices, label=_("units"))


class PasswordForm(StyledForm):
    old_password = password_field(_("your password now"), purpose="current-password")
    password = password_field(_("new password"))
    again = password_field(_("new password, again"))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("password") != values.get("again"):
            self.add_error("again", gettext("The two new passwords differ."))
        return values


class PersonForm(StyledForm):
    email = forms.EmailField(max_length=254, label=_("e-mail"))
    name = forms.CharField(max_length=200, required=False, label=_("name"))
    role = forms.ChoiceField(
        choices=User.Role.choices,
        label=_("role"),
        help_text=_(
            "Administrators do everything; managers everything within their fleets; operators read and work on tasks."
        ),
    )
    fleets = FleetsField(
        queryset=None,
        required=False,
        label=_("fleets"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What a manager or operator sees. Administrators see all fleets."),
    )
    time_zone = forms.ChoiceField(choices=zones, label=_("time zone"), initial="UTC")
    units = forms.ChoiceField(choices=User.Units.choices, label=_("units"), initial=User.Units.METRIC)
    is_active = forms.BooleanField(required=False, initial=True, label=_("may log in"))
    password = password_field(_("password"), required=False)

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        if person is not None:
            names = [name for name in self.base_fields if name not in ("fleets", "password")]
            kwargs["initial"] = {name: getattr(person, name) for name in names}
            kwargs["initial"]["fleets"] = list(person.fleets.values_list("pk", flat=True))
        super().__init__(*args, **kwargs)
        self.fields["fleets"].queryset = Fleet.objects.visible_to(self.me)  # type: ignore[attr-defined]
        self.fields["password"].help_text = (
            gettext("Leave it empty to keep the one that is set.")
            if person
            else gettext("Without one the person cannot log in yet.")
        )

    def values(self) -> dict[str, Any]:
        values = {
            name: value for name, value in self.cleaned_data.items() if name not in ("fleets", "password")
        }
        if password := self.cleaned_data["password"]:
            values["password"] = password
        return values


class KeyForm(StyledForm):
    name = forms.CharField(max_length=200, label=_("name"), help_text=_("Which program or device it is for."))
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices, label=_("may"), widget=forms.CheckboxSelectMultiple, initial=["read"]
    )
    fleets = FleetsField(
        queryset=None, required=False, label=_("fleets"), widget=forms.CheckboxSelectMultiple
    )
    vehicle_id = forms.CharField(
        max_length=64,
        required=False,
        validators=[validate_external_id],
        label=_("vehicle id"),
        help_text=_("For a device: the one vehicle that it speaks for."),
    )
    expires_at = forms.DateTimeField(
        required=False,
        label=_("expires"),
        input_formats=[MOMENT, "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT),
        help_text=MOMENT_HELP,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fleets"].queryset = Fleet.objects.visible_to(self.me)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("fleets") and not values.get("vehicle_id"):
            raise ValidationError(
                {
                    "fleets": gettext(
                        "A key needs a fleet or a vehicle that it speaks for; it would see nothing."
                    )
                }
            )
        return values

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        expires_at: datetime | None = given["expires_at"]
        return {
            "name": given["name"],
            "scopes": [scope for scope in ApiKey.Scope.values if scope in given["scopes"]],
            "vehicle_id": given["vehicle_id"] or None,
            "expires_at": expires_at,
        }


class RetentionForm(StyledForm):
    """For how long a fleet's readings are kept; empty is as long as the installation's setting says."""

    days = forms.IntegerField(
        min_value=1, max_value=MOST_DAYS_KEPT, required=False, label=_("keep readings for")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = ngettext("%(n)s day unless set", "%(n)s days unless set", settings.READINGS_KEEP_DAYS)
        self.fields["days"].widget.attrs["placeholder"] = usual % {"n": settings.READINGS_KEEP_DAYS}


class FleetForm(StyledForm):
    fleet_id = forms.CharField(
        max_length=64,
        validators=[validate_external_id],
        label=_("fleet id"),
        help_text=_("Such as “fleet-001”; it never changes."),
    )
    fleet_name = forms.CharField(max_length=200, label=_("name"))
    description = forms.CharField(
        max_length=10_000, required=False, label=_("description"), widget=forms.Textarea(attrs={"rows": 2})
    )
    time_zone = forms.ChoiceField(
        choices=zones,
        initial="UTC",
        label=_("time zone"),
        help_text=_("Times without an offset in its files are read in it."),
    )
    date_order = forms.ChoiceField(
        choices=Fleet.DateOrder.choices,
        label=_("order of dates"),
        help_text=_("How a file's dates are read where their values leave it open."),
    )

    def __init__(self, *args: Any, fleet: Fleet | None = None, **kwargs: Any) -> None:
        if fleet is not None:
            kwargs["initial"] = {name: getattr(fleet, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        if fleet is not None:
            del self.fields["fleet_id"]
