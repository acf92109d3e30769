"""A vehicle's main data, its status, and the values of attributes that nobody foresaw."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User, validate_external_id
from dashboard import units
from dashboard.forms.base import DATE, CustomerField, FleetChoice, StyledForm, introduce
from dashboard.shown import short_number
from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES
from vehicle_management.models import Vehicle, VehicleStatus

NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?")
LABELS = {"fleet": gettext_lazy("fleet"), "customer": gettext_lazy("customer")}


class VehicleForm(StyledForm):
    vehicle_id = forms.CharField(
        max_length=64,
        validators=[validate_external_id],
        help_text=gettext_lazy("Any system's own id; it never changes."),
    )
    fleet = FleetChoice(queryset=None)
    customer = CustomerField(required=False)
    plate = forms.CharField(required=False, max_length=32)
    vin = forms.CharField(
        required=False,
        max_length=64,
        help_text=gettext_lazy("17 characters where the vehicle has a full one."),
    )
    make = forms.CharField(required=False, max_length=100)
    model = forms.CharField(required=False, max_length=100)
    model_year = forms.IntegerField(required=False, min_value=1900, max_value=2100)
    vehicle_type = forms.CharField(required=False, max_length=100)
    fuel_type = forms.CharField(required=False, max_length=50)
    color = forms.CharField(required=False, max_length=50)
    in_service_date = forms.DateField(required=False, widget=DATE)
    notes = forms.CharField(required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, vehicle: Vehicle | None = None, **kwargs: Any) -> None:
        if vehicle is not None:
            names = [name for name in self.base_fields if name != "vehicle_id"]
            kwargs["initial"] = {name: getattr(vehicle, name) for name in names}
        super().__init__(*args, **kwargs)
        if vehicle is not None:
            del self.fields["vehicle_id"]
        for name, field in self.fields.items():
            field.label = str(LABELS.get(name) or VEHICLE_ATTRIBUTES[name].label)
        introduce(self)

    def values(self) -> dict[str, Any]:
        return {name: (None if value == "" else value) for name, value in self.cleaned_data.items()}


class StatusForm(StyledForm):
    """The well-known attributes, in the person's units. A field that nobody touched says nothing."""

    def __init__(self, *args: Any, status: VehicleStatus | None, me: User, **kwargs: Any) -> None:
        self.told = {
            name: _shown(getattr(status, name, None), known.unit, me)
            for name, known in STATUS_ATTRIBUTES.items()
        }
        super().__init__(*args, me=me, initial=self.told, **kwargs)
        for name, known in STATUS_ATTRIBUTES.items():
            self.fields[name] = _status_field(name, me)
            self.fields[name].label = str(known.label)

    def changes(self) -> dict[str, Any]:
        """What differs from what was shown, as it is stored; None clears."""
        changed = {name: self.cleaned_data[name] for name in self.fields if name in self.changed_data}
        return {
            name: value if isinstance(value, str) and value else _stored(value, name, self.me)
            for name, value in changed.items()
        }


def _status_field(name: str, me: User) -> forms.Field:
    known = STATUS_ATTRIBUTES[name]
    if known.kind == "text":
        labels = dict(VehicleStatus.Status.choices)
        choices = [("", _("none told")), *((code, labels[code]) for code in known.choices)]
        return forms.ChoiceField(
            choices=choices, required=False, widget=forms.Select(attrs={"class": "form-select"})
        )
    field = forms.FloatField(
        required=False, widget=forms.NumberInput(attrs={"step": "any", "class": "form-control"})
    )
    field.unit = units.shown_unit(known.unit, me)  # type: ignore[attr-defined]
    return field


def _shown(value: Any, unit: str, me: User) -> Any:
    if value is None or isinstance(value, str):
        return value or ""
    if units.conversion(unit, me) is None:
        return value
    return round(units.to_shown(value, unit, me), 1)


def _stored(value: Any, name: str, me: User) -> Any:
    if value in (None, ""):
        return None
    return units.to_stored(value, STATUS_ATTRIBUTES[name].unit, me)


def read_value(text: str, kind: str | None) -> Any:
    """What somebody typed for an attribute, as its kind has it; an unknown one's kind shows in the text."""
    text = text.strip()
    if not text:
        return None
    if kind == "boolean" or (kind is None and text.lower() in ("true", "false")):
        return _boolean(text)
    if kind == "number" or (kind is None and NUMBER.fullmatch(text)):
        return _number(text)
    return text


def _boolean(text: str) -> Any:
    words = {"true": True, "yes": True, _("yes"): True, "false": False, "no": False, _("no"): False}
    return words.get(text.lower(), text)


def _number(text: str) -> Any:
    plain = text.replace(",", "")
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", plain):
        return text
    value = float(plain)
    return int(value) if value.is_integer() else value


def value_text(value: Any) -> str:
    """As ``read_value`` reads it back."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return short_number(value).replace(",", "")
    return "" if value is None else str(value)


def merged(held: Mapping[str, Any], typed: list[tuple[str, str]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """All attributes as the form's rows have them: an untouched value stays as it is stored."""
    read = {}
    for name, text in typed:
        kept = name in held and value_text(held[name]) == text.strip()
        value = held[name] if kept else read_value(text, kinds.get(name))
        if value is not None:
            read[name] = value
    return read
