"""How forms look and what their fields understand."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Fleet, User
from accounts.people import assignable_people
from api_pattern.parsers import is_storable_text
from customer_management.models import Customer
from dashboard.picks import customer_text, find_customer
from vehicle_management.models import Vehicle

CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.CheckboxInput, "form-check-input"),
    (forms.SelectMultiple, "form-select"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


class StyledForm(forms.Form):
    """A form in the pages' look, for the person who fills it in."""

    def __init__(self, *args: Any, me: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.me = me
        for field in self.fields.values():
            known = next(css for kind, css in CLASSES if isinstance(field.widget, kind))
            field.widget.attrs.setdefault("class", known)

    def take(self, error: ValidationError) -> None:
        """Put a service's refusal at the fields that it names; what has no field here stands above the form."""
        told: Mapping[str, list[str]] = (
            error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        )
        for name, sentences in told.items():
            own = name.removesuffix("_id") if name.removesuffix("_id") in self.fields else name
            self.add_error(own if own in self.fields else None, list(sentences))


class FleetChoice(forms.ModelChoiceField):
    """A fleet among those that the person sees; call ``limit`` before use."""

    def limit(self, me: User) -> None:
        self.queryset = Fleet.objects.visible_to(me)
        self.required = not me.is_administrator
        self.empty_label = None if self.required else _("no fleet (administrators alone see it)")

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.fleet_name} ({obj.fleet_id})" if obj.fleet_name != obj.fleet_id else obj.fleet_id


class PickedField(forms.CharField):
    """Something that is found by typing: the input suggests, and what stands in it is looked up."""

    suggests = ""
    me: User | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=300, **kwargs)
        self.widget.attrs |= {"data-pick": self.suggests, "autocomplete": "off"}

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        if not is_storable_text(text):
            raise ValidationError(_("The text holds a character that cannot be stored."))
        found = self.find(text)
        if found is None:
            raise ValidationError(self.unknown(text))
        return found

    def find(self, text: str) -> Any:
        raise NotImplementedError

    def unknown(self, text: str) -> str:
        raise NotImplementedError


class CustomerField(PickedField):
    suggests = "customers"

    def find(self, text: str) -> Customer | None:
        assert self.me is not None
        return find_customer(text, self.me)

    def unknown(self, text: str) -> str:
        told = _("There is no customer “%(text)s” that you see; choose one of the suggestions.")
        return told % {"text": text[:100]}

    def prepare_value(self, value: Any) -> Any:
        return customer_text(value) if isinstance(value, Customer) else value


class VehicleField(PickedField):
    suggests = "vehicles"

    def find(self, text: str) -> Vehicle | None:
        assert self.me is not None
        return Vehicle.objects.visible_to(self.me).filter(vehicle_id=text).first()

    def unknown(self, text: str) -> str:
        return _("There is no vehicle “%(text)s” that you see.") % {"text": text[:64]}

    def prepare_value(self, value: Any) -> Any:
        return value.vehicle_id if isinstance(value, Vehicle) else value


class PersonField(PickedField):
    suggests = "people"

    def find(self, text: str) -> User | None:
        assert self.me is not None
        return assignable_people(self.me).filter(email=text.strip().lower()).first()

    def unknown(self, text: str) -> str:
        told = _("There is no active person “%(text)s” who can be given this; name one by e-mail.")
        return told % {"text": text[:100]}

    def prepare_value(self, value: Any) -> Any:
        return value.email if isinstance(value, User) else value


def introduce(form: StyledForm) -> None:
    """Tell the fields that depend on it who fills the form in."""
    for field in form.fields.values():
        if isinstance(field, PickedField):
            field.me = form.me
        elif isinstance(field, FleetChoice):
            field.limit(form.me)


def pairs(data: Any, names: str, values: str) -> list[tuple[str, str]]:
    """Rows of two inputs each, those without a name left out."""
    given: Iterable[tuple[str, str]] = zip(data.getlist(names), data.getlist(values), strict=False)
    return [(name.strip(), value) for name, value in given if name.strip()]


DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
MOMENT_HELP = gettext_lazy("in your time zone")
