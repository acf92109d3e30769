"""What a rule can do: one table of kinds, each with its check at save and its run from the outbox."""

import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import User
from api_pattern.parsers import is_storable_text
from rules.exceptions import ActionFailed
from rules.mail import message_id
from rules.models import FiringAction, LogEntry
from rules.patterns import quoted
from rules.texts import fill, fill_line
from task_management.models import Task
from task_management.services import create_task

MOST_ACTIONS = 20
MOST_RECIPIENTS = 50
MOST_HOURS = 24 * 366 * 10
LEVELS = tuple(LogEntry.Level.values)

Params = dict[str, Any]
Errors = dict[str, list[str]]


@dataclass(frozen=True)
class Ran:
    """What an action did, in a sentence, and the task that it made."""

    result: str
    task: Task | None = None


@dataclass(frozen=True)
class ActionKind:
    """``checks`` maps each parameter to its check, which answers a message or None.

    ``render`` puts a firing's values into the texts; ``run`` does it and raises ``ActionFailed`` for what
    no repetition mends. What ``leaves_us`` cannot be rolled back, so it is done one at a time.
    """

    type: str
    label: str
    checks: Mapping[str, Callable[[Any, Actor], str | None]]
    required: tuple[str, ...]
    render: Callable[[Params, Mapping[str, str]], Params]
    run: Callable[[FiringAction], Ran]
    leaves_us: bool = False
    defaults: Params = field(default_factory=dict)


def check_actions(actions: Any, *, by: Actor, path: str = "actions") -> Errors:
    """What is wrong, by the path of the very parameter."""
    if not isinstance(actions, list):
        return {path: ["Actions are a list, such as [{“type”: “store_log”, “message”: “…”}]."]}
    if len(actions) > MOST_ACTIONS:
        return {path: [f"A rule has at most {MOST_ACTIONS} actions; this one has {len(actions)}."]}
    errors: Errors = {}
    for index, action in enumerate(actions):
        errors.update(_check_action(action, by, f"{path}[{index}]"))
    return errors


def _check_action(action: Any, by: Actor, path: str) -> Errors:
    kinds = ", ".join(ACTIONS)
    if not isinstance(action, dict):
        return {path: [f"{quoted(action)} is not an action; an object whose type is one of {kinds} is."]}
    kind = ACTIONS.get(action["type"]) if isinstance(action.get("type"), str) else None
    if kind is None:
        given = (
            f"{quoted(action['type'])} is not a type of action" if "type" in action else "The type is missing"
        )
        return {f"{path}.type": [f"{given}; one of {kinds} is."]}
    errors: Errors = {}
    for name in action:
        if name != "type" and name not in kind.checks:
            known = ", ".join(kind.checks)
            errors[f"{path}.{name[:50]}"] = [f"{quoted(name)} means nothing to {kind.type}; {known} do."]
    for name, check in kind.checks.items():
        value = action.get(name)
        if value in (None, "") and name in kind.required:
            errors[f"{path}.{name}"] = [f"A {kind.type} needs its {name}."]
        elif value not in (None, "") and (message := check(value, by)):
            errors[f"{path}.{name}"] = [message]
    return errors


def _text(most: int) -> Callable[[Any, Actor], str | None]:
    def check(value: Any, by: Actor) -> str | None:
        if not isinstance(value, str):
            return f"{quoted(value)} is not a text."
        if len(value) > most:
            return f"The text has at most {most:,} characters; this one has {len(value):,}."
        if not is_storable_text(value):
            return "The text holds a NUL or half a surrogate pair, which cannot be stored."
        return None if value.strip() else "The text is blank; say something."

    return check


def _check_recipients(value: Any, by: Actor) -> str | None:
    recipients = value if isinstance(value, list) else [value]
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        return f"An e-mail goes to 1 to {MOST_RECIPIENTS} recipients."
    return next((fault for one in recipients if (fault := _address_fault(one))), None)


def _address_fault(value: Any) -> str | None:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        return f"{quoted(value)} is not an e-mail address; one such as workshop@fleet.example is."
    return None


def _check_level(value: Any, by: Actor) -> str | None:
    return None if value in LEVELS else f"{quoted(value)} is not a level; one of {', '.join(LEVELS)} is."


def _check_hours(value: Any, by: Actor) -> str | None:
    if type(value) in (int, float) and 0 <= value <= MOST_HOURS:
        return None
    return f"{quoted(value)} is not a number of hours between 0 and {MOST_HOURS:,}."


def _check_assignee(value: Any, by: Actor) -> str | None:
    person = find_person(value) if isinstance(value, str) else None
    if person is None or not _may_be_assigned(person, by):
        return f"{quoted(value)} is not the e-mail of an active person who may see what you see."
    return None


def find_person(email: str) -> User | None:
    return User.objects.filter(email__iexact=email.strip(), is_active=True).first()


def _may_be_assigned(person: User, by: Actor) -> bool:
    return by.is_administrator or person.is_administrator or bool(person.fleet_pks & by.fleet_pks)


def _render_email(params: Params, texts: Mapping[str, str]) -> Params:
    to = params["to"]
    return {
        "to": to if isinstance(to, list) else [to],
        "subject": fill_line(params["subject"], texts, 250),
        "body": fill(params.get("body") or "", texts),
    }


def _run_email(action: FiringAction) -> Ran:
    params = action.params
    message = EmailMessage(
        params["subject"], params["body"], to=params["to"], headers={"Message-ID": message_id(action)}
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        told = "; ".join(
            f"{who}: {reply[1].decode(errors='replace')}" for who, reply in error.recipients.items()
        )
        if all(reply[0] >= 500 for reply in error.recipients.values()):
            raise ActionFailed(f"The mail server refuses every recipient for good: {told}.") from error
        raise
    return Ran(f"Sent to {', '.join(params['to'])}.")


def _render_log(params: Params, texts: Mapping[str, str]) -> Params:
    return {
        "level": params.get("level") or LogEntry.Level.INFO.value,
        "message": fill(params["message"], texts),
    }


def _run_log(action: FiringAction) -> Ran:
    params = action.params
    held = {"level": params["level"], "message": params["message"], "vehicle_id": action.firing.vehicle_id}
    entry, _made = LogEntry.objects.get_or_create(action=action, defaults=held)
    return Ran(f"Stored as log entry {entry.pk}.")


def _render_task(params: Params, texts: Mapping[str, str]) -> Params:
    return {
        "title": fill_line(params["title"], texts, 200),
        "description": fill(params.get("description") or "", texts),
        "due_in_hours": params.get("due_in_hours"),
        "assignee": params.get("assignee"),
    }


def _run_task(action: FiringAction) -> Ran:
    params, firing = action.params, action.firing
    assignee, note = _assignee(params.get("assignee"), firing.vehicle)
    hours = params.get("due_in_hours")
    task = create_task(
        {
            "title": params["title"],
            "description": params["description"],
            "vehicle": firing.vehicle,
            "customer": firing.vehicle.customer,
            "assignee": assignee,
            "due_at": timezone.now() + timedelta(hours=hours) if hours is not None else None,
        },
        by=None,
        origin=f"firing:{firing.pk}:{action.index}",
        cause={"kind": "rule", "rule_id": firing.rule_id, "firing_id": firing.pk, "name": firing.rule.name},
    )
    return Ran(f"Task {task.pk} was created{note}.", task)


def _assignee(email: str | None, vehicle: Any) -> tuple[User | None, str]:
    if not email:
        return None, ""
    person = find_person(email)
    if person is None:
        return None, f" without an assignee, because {email} is no active person any more"
    if not (person.is_administrator or vehicle.fleet_id in person.fleet_pks):
        return None, f" without an assignee, because {email} does not see the vehicle"
    return person, ""


ACTIONS: dict[str, ActionKind] = {
    kind.type: kind
    for kind in (
        ActionKind(
            type="send_email",
            label="Send e-mail",
            checks={"to": _check_recipients, "subject": _text(200), "body": _text(20_000)},
            required=("to", "subject"),
            render=_render_email,
            run=_run_email,
            leaves_us=True,
        ),
        ActionKind(
            type="store_log",
            label="Store log",
            checks={"level": _check_level, "message": _text(10_000)},
            required=("message",),
            render=_render_log,
            run=_run_log,
            defaults={"level": LogEntry.Level.INFO.value},
        ),
        ActionKind(
            type="create_task",
            label="Create task",
            checks={
                "title": _text(200),
                "description": _text(10_000),
                "due_in_hours": _check_hours,
                "assignee": _check_assignee,
            },
            required=("title",),
            render=_render_task,
            run=_run_task,
        ),
    )
}
