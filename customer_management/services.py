"""What people and programs do with customers."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer

MOST_ATTRIBUTES, LONGEST_NAME, LONGEST_TEXT = 200, 100, 10_000
TEXTS = ("name", "email", "phone", "address")


def create_customer(values: Mapping[str, Any], *, by: Actor) -> Customer:
    """Raises ValidationError by field, and CustomerConflict where the external id is taken."""
    checked = _checked({"name": "", **values})
    cause = Cause.of(by.as_cause())
    customer = Customer(**checked, created_by=by.user, created_by_key=by.key, cause=cause)
    return _saved(customer)


def update_customer(customer: Customer, values: Mapping[str, Any], *, by: Actor) -> Customer:
    """Raises ValidationError by field, and CustomerConflict where the external id is taken or the row is gone."""
    checked = _checked(values)
    with transaction.atomic():
        locked = Customer.objects.select_for_update().filter(pk=customer.pk).first()
        if locked is None:
            raise CustomerConflict(_("“%(name)s” was deleted meanwhile.") % {"name": customer.name})
        changed = [name for name, value in checked.items() if getattr(locked, name) != value]
        for name in changed:
            setattr(locked, name, checked[name])
        if changed:
            locked.version += 1
            _saved(locked)
    return locked


def hide_customers(customer_pks: Iterable[int], *, by: Actor) -> int:
    """Their vehicles and tasks keep pointing at them, so that they can be restored."""
    seen = Customer.objects.visible_to(by).filter(pk__in=list(customer_pks))
    return Customer.objects.filter(pk__in=seen.values("pk")).update(
        deleted_at=timezone.now(), version=models.F("version") + 1
    )


def restore_customer(customer: Customer) -> Customer:
    """Raises CustomerConflict where its external id has been given to another one meanwhile."""
    with transaction.atomic():
        locked: Customer = Customer.all_objects.select_for_update().get(pk=customer.pk)
        if locked.deleted_at is not None:
            locked.deleted_at = None
            locked.version += 1
            _saved(locked)
    return locked


def purge_customer(customer: Customer) -> None:
    """Delete a hidden customer for good. Raises ValidationError while it is in use."""
    if customer.deleted_at is None:
        raise ValidationError(
            _("“%(name)s” is in use; delete it before purging it.") % {"name": customer.name}
        )
    try:
        customer.delete()
    except models.ProtectedError as error:
        message = _("“%(name)s” cannot be purged: %(n)d vehicles or tasks tell of it.")
        raise ValidationError(message % {"name": customer.name, "n": len(error.protected_objects)}) from error


def check_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Short names and plain values; null takes one away. Raises ValidationError."""
    faults = []
    if len(attributes) > MOST_ATTRIBUTES:
        told = _("There are %(n)d attributes; up to %(most)d are taken.")
        faults.append(told % {"n": len(attributes), "most": MOST_ATTRIBUTES})
    for name, value in attributes.items():
        faults += _faults(name, value)
    if faults:
        raise ValidationError({"attributes": faults})
    return {name: value for name, value in attributes.items() if value is not None}


def _faults(name: str, value: Any) -> Iterator[str]:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        told = _("“%(name)s” is no name for an attribute: 1 to %(most)d printable characters are.")
        yield told % {"name": name[:60], "most": LONGEST_NAME}
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        told = _("%(name)s: the text has %(n)d characters; up to 10,000 are stored.")
        yield told % {"name": name[:60], "n": len(value)}
    if isinstance(value, str) and "\x00" in value:
        yield _("%(name)s: the text holds a NUL character, which cannot be stored.") % {"name": name[:60]}
    if isinstance(value, float) and not math.isfinite(value):
        yield _("%(name)s: “%(value)s” is not a number.") % {"name": name[:60], "value": value}


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    checked: dict[str, Any] = {
        name: (value or "").strip() if name in TEXTS else value for name, value in values.items()
    }
    if checked.get("email"):
        checked["email"] = checked["email"].lower()
    if "external_id" in checked:
        checked["external_id"] = (checked["external_id"] or "").strip() or None
    if "attributes" in checked:
        checked["attributes"] = check_attributes(checked["attributes"] or {})
    if checked.get("name") == "":
        raise ValidationError({"name": [_("A customer needs a name.")]})
    candidate = Customer(**checked)
    others = [field.name for field in Customer._meta.fields if field.name not in checked]
    candidate.clean_fields(exclude=[*others, "attributes"])
    return checked


def _saved(customer: Customer) -> Customer:
    try:
        with transaction.atomic():
            customer.save()
    except IntegrityError as error:
        if "customer_external_id_is_unique" not in str(error):
            raise
        message = _("The external id “%(id)s” is taken by another customer; choose another one.")
        raise CustomerConflict(message % {"id": customer.external_id}) from error
    return customer
