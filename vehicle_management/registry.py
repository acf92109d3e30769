"""Attributes' values: checked against what is well-known, typed by the registry where they are not."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES, Attribute
from vehicle_management.models import AttributeType

MOST_ATTRIBUTES = 200
MOST_NAME_LENGTH = 100
MOST_TEXT_LENGTH = 10_000
MOST_LEVELS = 32
# Of a double, which is what a number is stored as.
LARGEST = sys.float_info.max


def kinds() -> dict[str, str]:
    """The registry: attribute name to kind (number, text, boolean, time)."""
    return dict(AttributeType.objects.values_list("name", "kind"))


def register(kinds_seen: Mapping[str, str]) -> dict[str, str]:
    """Note attributes seen for the first time; answers the kinds that hold for all of ``kinds_seen``."""
    new = [AttributeType(name=name, kind=kind) for name, kind in sorted(kinds_seen.items())]
    AttributeType.objects.bulk_create(new, ignore_conflicts=True)
    return dict(AttributeType.objects.filter(name__in=kinds_seen).values_list("name", "kind"))


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return AttributeType.Kind.BOOLEAN
    if isinstance(value, (int, float)):
        return AttributeType.Kind.NUMBER
    if isinstance(value, str) and _is_time(value):
        return AttributeType.Kind.TIME
    return AttributeType.Kind.TEXT


def _is_time(text: str) -> bool:
    if len(text) < len("2026-01-01T00:00") or text[4:5] != "-":
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def fit(value: Any, kind: str) -> Any:
    """The value as its kind has it; what does not fit is kept as text, which rules do not know."""
    if value is None or kind_of(value) == kind or isinstance(value, (dict, list)):
        return value
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def check_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Status attributes as they are stored. Raises ValidationError that names each faulty attribute."""
    _check_count(values)
    faults: dict[str, list[str]] = {}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        try:
            known = STATUS_ATTRIBUTES.get(name)
            checked[name] = check_known(known, value) if known else check_other(name, value)
        except ValueError as error:
            faults[name] = [str(error)]
    if faults:
        raise ValidationError(faults)
    return {**checked, **fit_others({n: v for n, v in checked.items() if n not in STATUS_ATTRIBUTES})}


def check_free_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """A vehicle's or customer's own attributes: any names, plain values. Raises ValidationError."""
    _check_count(values)
    faults: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            check_other(name, value)
        except ValueError as error:
            faults[name] = [str(error)]
    if faults:
        raise ValidationError({"attributes": [f"{name}: {texts[0]}" for name, texts in faults.items()]})
    return fit_others({name: value for name, value in values.items() if value is not None})


def fit_others(values: Mapping[str, Any]) -> dict[str, Any]:
    if not values:
        return {}
    held = register({name: kind_of(value) for name, value in values.items() if value is not None})
    return {name: fit(value, held.get(name, kind_of(value))) for name, value in values.items()}


def check_known(attribute: Attribute, value: Any) -> Any:
    """A well-known attribute's value. Raises ValueError with what would be right."""
    if value is None:
        return None
    if attribute.kind == "number":
        return _check_number(attribute, value)
    return _check_choice(attribute, value)


def is_number(value: Any) -> bool:
    """Whether it is a finite one; JSON knows whole numbers that no double holds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _check_number(attribute: Attribute, value: Any) -> float:
    if not is_number(value):
        raise ValueError(_("“%(value)s” is not a number.") % {"value": str(value)[:100]})
    if not (attribute.least or 0) <= value <= (attribute.most or 0):
        bounds = {"value": f"{value:g}", "least": f"{attribute.least:g}", "most": f"{attribute.most:g}"}
        unit = f" {attribute.unit}" if attribute.unit else ""
        raise ValueError(_("%(value)s is not between %(least)s and %(most)s") % bounds + f"{unit}.")
    return float(value)


def _check_choice(attribute: Attribute, value: Any) -> str:
    text = str(value).strip().upper().replace(" ", "_").replace("-", "_")
    if text not in attribute.choices:
        choices = ", ".join(attribute.choices)
        raise ValueError(
            _("“%(value)s” is none of %(choices)s.") % {"value": str(value)[:100], "choices": choices}
        )
    return text


def check_other(name: str, value: Any) -> Any:
    """An attribute that is not well-known: a short name and a plain value."""
    if not name or len(name) > MOST_NAME_LENGTH or not name.isprintable():
        raise ValueError(
            _("An attribute's name has 1 to %(most)d printable characters.") % {"most": MOST_NAME_LENGTH}
        )
    _check_plain(value, MOST_LEVELS)
    return value


def _check_plain(value: Any, levels: int) -> None:
    """Whatever PostgreSQL would refuse to keep as JSON, however deep it lies. Raises ValueError."""
    if isinstance(value, str) and len(value) > MOST_TEXT_LENGTH:
        raise ValueError(_("The text has %(n)d characters; up to 10,000 are stored.") % {"n": len(value)})
    if isinstance(value, str) and "\x00" in value:
        raise ValueError(_("The text holds a NUL character, which cannot be stored."))
    if isinstance(value, (int, float)) and not -LARGEST <= value <= LARGEST:
        raise ValueError(_("“%(value)s” is not a number.") % {"value": str(value)[:100]})
    if not isinstance(value, (dict, list)):
        return
    if levels == 0:
        raise ValueError(_("The value is nested more than %(most)d levels deep.") % {"most": MOST_LEVELS})
    for inner in [*value, *value.values()] if isinstance(value, dict) else value:
        _check_plain(inner, levels - 1)


def _check_count(values: Mapping[str, Any]) -> None:
    if len(values) > MOST_ATTRIBUTES:
        raise ValidationError(_("There are %(n)d attributes; up to 200 are taken.") % {"n": len(values)})


def fields_for_rules() -> dict[str, Attribute]:
    """Every attribute that a rule may name, found first among the well-known, then as registered."""
    registered = {name: Attribute(name, kind, name) for name, kind in kinds().items()}
    return {**registered, **VEHICLE_ATTRIBUTES, **STATUS_ATTRIBUTES}
