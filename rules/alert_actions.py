"""The action *raise alert*: the lanes do it at once, with the firing; what is run again is done here."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from accounts.actors import Actor
from alerts.effects import Raise, raise_alerts
from alerts.models import Alert
from api_pattern.times import told_time
from rules.action_kinds import Params, Ran, StayingKind, Texts, choice_check, number_check, text_check
from rules.models import Firing, FiringAction
from rules.patterns import quoted
from rules.recipients import check_recipients, listed
from rules.texts import fill

MOST_MINUTES = 60 * 24 * 366
SEVERITIES = tuple(Alert.Severity.values)
_TYPE = re.compile(r"[A-Z0-9_]{1,64}")
_OVER, _UNDER = ("gt", "ge"), ("lt", "le")


def _check_type(value: Any, by: Actor) -> str | None:
    if isinstance(value, str) and _TYPE.fullmatch(value):
        return None
    return (
        f"{quoted(value)} is no type of alert; 1 to 64 capital letters, digits and _ are, such as OVERSPEED."
    )


def _check_threshold(value: Any, by: Actor) -> str | None:
    if _is_number(value) and abs(value) <= 1e18:
        return None
    return f"{quoted(value)} is not a number."


def _agree(params: Params) -> Mapping[str, str]:
    has_to, has_after = (
        params.get(name) not in (None, "", []) for name in ("escalate_to", "escalate_after_minutes")
    )
    if has_to and not has_after:
        return {"escalate_after_minutes": "Say after how many minutes the others are told."}
    return {"escalate_to": "Say who is told then."} if has_after and not has_to else {}


def render(params: Params, texts: Texts) -> Params:
    to = params.get("escalate_to")
    return {
        "alert_type": params["alert_type"],
        "severity": params.get("severity") or Alert.Severity.MEDIUM.value,
        "message": fill(params.get("message") or "$rule: $vehicle_id", texts),
        "field": params.get("field") or "",
        "threshold": params.get("threshold"),
        "escalate_after_minutes": params.get("escalate_after_minutes"),
        "escalate_to": listed(to) if to else [],
    }


def subject_of(pattern: Any) -> tuple[str, float, bool] | None:
    """The pattern's first comparison of an attribute with a number: its name, the number, whether low is worse."""
    return _subject_of(pattern, is_negated=False)


def _subject_of(node: Any, *, is_negated: bool) -> tuple[str, float, bool] | None:
    if not isinstance(node, dict):
        return None
    operator, value = node.get("operator"), node.get("value")
    if operator in (*_OVER, *_UNDER) and _is_number(value):
        return str(node.get("field")), float(value), (operator in _UNDER) != is_negated
    inner = [*(node.get("all") or ()), *(node.get("any") or ()), node.get("lasts"), node.get("often")]
    found = [_subject_of(one, is_negated=is_negated) for one in inner]
    found.append(_subject_of(node.get("not"), is_negated=not is_negated))
    return next((one for one in found if one), None)


def _is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float)


def alert_of(
    params: Params,
    *,
    rule_id: int,
    vehicle: int,
    at: datetime,
    cause: dict[str, Any],
    pattern: Any,
    known: Mapping[str, Any],
) -> Raise:
    """What ``alerts.effects`` is told; ``params`` as rendered, ``known`` the values that the pattern saw, by name.

    Where the action names no attribute, it is that of the pattern's first comparison with a number.
    """
    subject = subject_of(pattern)
    name, threshold = params["field"], params["threshold"]
    if subject and name in ("", subject[0]):
        name, threshold = subject[0], subject[1] if threshold is None else threshold
    value, minutes = known.get(name), params["escalate_after_minutes"]
    return Raise(
        origin=f"rule:{rule_id}",
        vehicle=vehicle,
        at=at,
        alert_type=params["alert_type"],
        severity=params["severity"],
        message=params["message"],
        field=name,
        value=float(value) if _is_number(value) else None,
        threshold=threshold,
        low_is_worse=bool(subject and subject[0] == name and subject[2]),
        escalate_to=params["escalate_to"],
        escalate_after_s=round(minutes * 60) if minutes is not None else None,
        cause=cause,
    )


def run(action: FiringAction) -> Ran:
    """What has ended meanwhile raises nothing: nobody would close its alert."""
    firing = action.firing
    # Held until the alert is there, so that who ends the firing closes it.
    held = Firing.objects.select_for_update(of=("self",), no_key=True).get(pk=firing.pk)
    if held.cleared_at is not None:
        return Ran(f"No alert is raised, as it is no longer so since {told_time(held.cleared_at)}.")
    cause = {"kind": "rule", "rule_id": firing.rule_id, "firing_id": firing.pk, "name": firing.rule.name}
    told = alert_of(
        action.params,
        rule_id=firing.rule_id,
        vehicle=firing.vehicle_id,
        at=firing.occurred_at,
        cause=cause,
        pattern=firing.rule.pattern,
        known={},
    )
    (pk,) = raise_alerts([told])
    return Ran(f"Alert {pk} is raised.", alert=Alert.objects.get(pk=pk))


RAISE_ALERT = StayingKind(
    type="raise_alert",
    label="Raise alert",
    checks={
        "alert_type": _check_type,
        "severity": choice_check(SEVERITIES, "severity"),
        "message": text_check(1_000),
        "field": text_check(100),
        "threshold": _check_threshold,
        "escalate_after_minutes": number_check(MOST_MINUTES, "minutes"),
        "escalate_to": check_recipients,
    },
    required=("alert_type", "severity"),
    agree=_agree,
    render=render,
    run=run,
    defaults={"severity": Alert.Severity.MEDIUM.value},
)
