"""What a task's values must be. Each raises ValidationError by field."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from api_pattern.parsers import is_storable_text
from customer_management.models import Customer
from task_management.models import Task
from vehicle_management.models import Vehicle

TEXTS = ("external_id", "title", "description")
RELATED = ("vehicle", "customer", "assignee")
FIELDS = (*TEXTS, *RELATED, "due_at", "checklist")
MOST_ITEMS, LONGEST_ITEM = 50, 200


def checked_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are stored: texts trimmed, an empty external id None."""
    if unknown := values.keys() - set(FIELDS):
        raise ValidationError({name: [_("A task has no such field.")] for name in sorted(unknown)})
    checked = {name: _trimmed(value) if name in TEXTS else value for name, value in values.items()}
    if "external_id" in checked:
        checked["external_id"] = checked["external_id"] or None
    if "checklist" in checked:
        checked["checklist"] = checked_items(checked["checklist"])
    if checked.get("title") == "":
        raise ValidationError({"title": [_("A task needs a title.")]})
    untouched = [field.name for field in Task._meta.fields if field.name not in checked]
    # Foreign keys are rows already, and the database checks uniqueness: asking first would only race it.
    Task(**checked).clean_fields(exclude=[*untouched, *RELATED])
    return checked


def checked_items(items: Any) -> list[dict[str, Any]]:
    """``[{"text", "done"}, …]`` as it is stored: texts trimmed, not done where nothing is said."""
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        message = _("A checklist is a list of at most %(most)d items.")
        raise ValidationError({"checklist": [message % {"most": MOST_ITEMS}]})
    return [_checked_item(item, place) for place, item in enumerate(items, start=1)]


def _checked_item(item: Any, place: int) -> dict[str, Any]:
    is_known = isinstance(item, dict) and item.keys() <= {"text", "done"}
    text, done = (item.get("text"), item.get("done", False)) if is_known else (None, False)
    if not isinstance(text, str) or not isinstance(done, bool) or not is_storable_text(text):
        message = _("Item %(place)d is no object of text and done, such as {“text”: “Oil”, “done”: false}.")
        raise ValidationError({"checklist": [message % {"place": place}]})
    if not 1 <= len(text.strip()) <= LONGEST_ITEM:
        message = _("Item %(place)d has a text of 1 to %(most)d characters; this one has %(n)d.")
        told = {"place": place, "most": LONGEST_ITEM, "n": len(text.strip())}
        raise ValidationError({"checklist": [message % told]})
    return {"text": text.strip(), "done": done}


def check_place(task: Task, *, by: Actor) -> None:
    """A task of one who is limited to fleets needs a vehicle or a customer that they see."""
    if by.is_administrator:
        return
    faults = {}
    if task.vehicle and not _sees_vehicle(by, task.vehicle):
        faults["vehicle_id"] = [_("There is no vehicle “%(id)s” that you see.") % {"id": task.vehicle}]
    if task.customer and not _sees_customer(by, task.customer):
        faults["customer_id"] = [_("There is no customer %(id)s that you see.") % {"id": task.customer_id}]
    if task.vehicle is None and task.customer is None:
        message = _("Name the task's vehicle or customer; only administrators keep tasks of neither.")
        faults = {"vehicle_id": [message], "customer_id": [message]}
    if faults:
        raise ValidationError(faults)


def check_assignee(task: Task) -> None:
    """Whoever is given a task is active and may see it."""
    person = task.assignee
    if person is not None and not (person.is_active and _sees_task(person, task)):
        raise _not_assignable(person, task)


def check_assignable(tasks: Sequence[Task], person: User) -> None:
    """The same for many stored tasks and one person."""
    pks = [task.pk for task in tasks]
    seen = set(Task.objects.visible_to(person).filter(pk__in=pks).values_list("pk", flat=True))
    for task in tasks:
        if task.pk not in seen or not person.is_active:
            raise _not_assignable(person, task)


def _not_assignable(person: User, task: Task) -> ValidationError:
    message = _("%(email)s is not active or may not see the task “%(title)s”; assign somebody who does.")
    return ValidationError({"assignee": [message % {"email": person.email, "title": task.title}]})


def _sees_task(person: User, task: Task) -> bool:
    """As the fence has it: by the vehicle, by the customer where there is none."""
    if task.vehicle is not None:
        return _sees_vehicle(person, task.vehicle)
    return _sees_customer(person, task.customer) if task.customer else person.is_administrator


def _sees_vehicle(actor: Actor, vehicle: Vehicle) -> bool:
    return Vehicle.all_objects.visible_to(actor).filter(pk=vehicle.pk).exists()


def _sees_customer(actor: Actor, customer: Customer) -> bool:
    return actor.is_administrator or Customer.all_objects.visible_to(actor).filter(pk=customer.pk).exists()


def _trimmed(value: Any) -> str:
    return str(value if value is not None else "").strip()
