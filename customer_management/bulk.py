"""Many customers at once, from the rows of a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause
from customer_management.models import Customer

TEXTS = ("external_id", "name", "email", "phone", "address")
EMPTY = {"external_id": None, "email": "", "phone": "", "address": ""}


@dataclass
class MergedRow:
    """A row's outcome: ``c`` created, ``u`` updated, ``=`` unchanged, ``f`` refused (with the reason)."""

    row: int
    outcome: str = "="
    pk: int = 0
    changes: dict[str, list[Any]] = field(default_factory=dict)
    column: str = ""
    value: str = ""
    code: str = ""
    message: str = ""


def merge_customers(rows: Sequence[dict[str, Any]], *, by: Actor, cause: Cause) -> list[MergedRow]:
    """Create and update customers; each row is ``{row, target, cleared, external_id, name, …}``.

    An empty field changes nothing, one that is named in ``cleared`` is emptied.
    """
    with transaction.atomic():
        targets = [item["target"] for item in rows if item["target"]]
        locked = Customer.objects.select_for_update(no_key=True).filter(pk__in=targets).order_by("pk")
        held = {customer.pk: customer for customer in locked}
        seen = set(Customer.objects.visible_to(by).filter(pk__in=targets).values_list("pk", flat=True))
        merged = [_merge(item, held.get(item["target"]), item["target"] in seen) for item in rows]
        _create(
            [(item, result) for item, result in zip(rows, merged, strict=True) if result.outcome == "c"],
            by,
            cause,
        )
        changed = {result.pk for result in merged if result.outcome == "u"}
        Customer.objects.bulk_update(
            [held[pk] for pk in changed], [*TEXTS, "attributes", "version", "updated_at"], batch_size=1_000
        )
    return merged


def _merge(item: dict[str, Any], customer: Customer | None, is_visible: bool) -> MergedRow:
    if customer is None:
        return _new(item)
    if not is_visible:
        return _refused(
            item, "taken", _("This customer is taken by one that you do not see; choose another external id.")
        )
    changes = _changes(item, customer)
    if not changes:
        return MergedRow(item["row"], pk=customer.pk)
    customer.version += 1
    customer.updated_at = timezone.now()
    return MergedRow(item["row"], "u", customer.pk, changes)


def _new(item: dict[str, Any]) -> MergedRow:
    if not item["name"] and not item["email"]:
        return _refused(item, "no_name", _("A new customer needs a name; the row has none."))
    return MergedRow(item["row"], "c")


def _refused(item: dict[str, Any], code: str, message: str) -> MergedRow:
    value = item["external_id"] or item["email"] or item["name"] or ""
    return MergedRow(item["row"], "f", column="", value=value, code=code, message=message)


def _changes(item: dict[str, Any], customer: Customer) -> dict[str, list[Any]]:
    """Set what the row fills; answers the ``{field: [before, after]}`` that differ."""
    told = {name: item[name] for name in TEXTS if item[name] is not None}
    told |= {name: EMPTY[name] for name in item["cleared"] or () if name in EMPTY}
    changes: dict[str, list[Any]] = {}
    for name, value in told.items():
        if getattr(customer, name) != value:
            changes[name] = [getattr(customer, name), value]
            setattr(customer, name, value)
    attributes = {**customer.attributes, **(item["attributes"] or {})}
    attributes = {name: value for name, value in attributes.items() if name not in (item["cleared"] or ())}
    for name in sorted(attributes.keys() | customer.attributes.keys()):
        if attributes.get(name) != customer.attributes.get(name):
            changes[f"attributes.{name}"] = [customer.attributes.get(name), attributes.get(name)]
    customer.attributes = attributes
    return changes


def _create(rows: Sequence[tuple[dict[str, Any], MergedRow]], by: Actor, cause: Cause) -> None:
    made = [
        Customer(
            external_id=item["external_id"],
            name=item["name"] or item["email"],
            email=item["email"] or "",
            phone=item["phone"] or "",
            address=item["address"] or "",
            attributes=item["attributes"] or {},
            created_by=by.user,
            created_by_key=by.key,
            cause=cause,
            cause_row=item["row"],
        )
        for item, _result in rows
    ]
    Customer.objects.bulk_create(made, batch_size=2_000)
    for (_item, result), customer in zip(rows, made, strict=True):
        result.pk = customer.pk
