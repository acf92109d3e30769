"""What a rule can do: one table of kinds, each with its checks at save and its run from the outbox."""

from typing import Any

from accounts.actors import Actor
from rules.action_kinds import (
    Errors,
    LeavingKind,
    Params,
    Ran,
    StayingKind,
    Texts,
    choice_check,
    text_check,
)
from rules.alert_actions import RAISE_ALERT
from rules.mail_actions import SEND_EMAIL
from rules.models import FiringAction, LogEntry
from rules.patterns import quoted
from rules.publishing import PUBLISH_MESSAGE
from rules.task_actions import CANCEL_TASK, COMPLETE_TASK, CREATE_TASK
from rules.texts import fill
from rules.webhooks import CALL_WEBHOOK

MOST_ACTIONS = 20
LEVELS = tuple(LogEntry.Level.values)


def check_actions(actions: Any, *, by: Actor, path: str = "actions") -> Errors:
    """What is wrong, by the path of the very parameter."""
    if not isinstance(actions, list):
        return {path: ["Actions are a list, such as [{“type”: “store_log”, “message”: “…”}]."]}
    if len(actions) > MOST_ACTIONS:
        return {path: [f"A rule has at most {MOST_ACTIONS} actions; this one has {len(actions)}."]}
    errors: Errors = {}
    for index, action in enumerate(actions):
        errors.update(_check_action(action, by, f"{path}[{index}]"))
    return errors or _check_alerts(actions, path)


def _check_alerts(actions: list[Params], path: str) -> Errors:
    """Of a rule and a vehicle one alert at most is open, so a second action could not raise another."""
    raising = [place for place, action in enumerate(actions) if action["type"] == RAISE_ALERT.type]
    told = "A rule raises one alert, and action {first} does; make another rule for a second alert."
    return {f"{path}[{place}].type": [told.format(first=raising[0] + 1)] for place in raising[1:]}


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
    errors = {**_unknown(action, kind, path), **_wrong(action, kind, by, path)}
    return errors or {f"{path}.{name}": [message] for name, message in kind.agree(action).items()}


def _unknown(action: Params, kind: "Kind", path: str) -> Errors:
    known = ", ".join(kind.checks)
    return {
        f"{path}.{name[:50]}": [f"{quoted(name)} means nothing to {kind.type}; {known} do."]
        for name in action
        if name != "type" and name not in kind.checks
    }


def _wrong(action: Params, kind: "Kind", by: Actor, path: str) -> Errors:
    errors: Errors = {}
    for name, check in kind.checks.items():
        value = action.get(name)
        if value in (None, "") and name in kind.required:
            errors[f"{path}.{name}"] = [f"A {kind.type} needs its {name}."]
        elif value not in (None, "") and (message := check(value, by)):
            errors[f"{path}.{name}"] = [message]
    return errors


def _render_log(params: Params, texts: Texts) -> Params:
    return {
        "level": params.get("level") or LogEntry.Level.INFO.value,
        "message": fill(params["message"], texts),
    }


def _run_log(action: FiringAction) -> Ran:
    params = action.params
    held = {"level": params["level"], "message": params["message"], "vehicle_id": action.firing.vehicle_id}
    entry, _made = LogEntry.objects.get_or_create(action=action, defaults=held)
    return Ran(f"Stored as log entry {entry.pk}.")


STORE_LOG = StayingKind(
    type="store_log",
    label="Store log",
    checks={"level": choice_check(LEVELS, "level"), "message": text_check(10_000)},
    required=("message",),
    render=_render_log,
    run=_run_log,
    defaults={"level": LogEntry.Level.INFO.value},
)

Kind = StayingKind | LeavingKind
ACTIONS: dict[str, Kind] = {
    kind.type: kind
    for kind in (
        SEND_EMAIL,
        STORE_LOG,
        CREATE_TASK,
        COMPLETE_TASK,
        CANCEL_TASK,
        RAISE_ALERT,
        CALL_WEBHOOK,
        PUBLISH_MESSAGE,
    )
}
