"""The action *call webhook*: a signed POST, as Standard Webhooks has it (webhook-id, -timestamp, -signature)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from django.utils import timezone

from accounts.actors import Actor
from msg_pattern.messages import MessageType
from rules.action_kinds import LeavingKind, Params, Ran, Texts, text_check
from rules.calls import Answer, post
from rules.exceptions import ActionFailed, TryLater
from rules.guard import Allowed, Refused, check_url, read_allowed, read_url
from rules.mail import mail_name
from rules.models import FiringAction
from rules.patterns import quoted
from rules.texts import fill

LONGEST_RETRY_AFTER_S = 3_600
# What a server answers that may be otherwise the next time; other answers of 400 to 499 are for good.
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


def allowed() -> Allowed:
    return read_allowed(settings.WEBHOOK_ALLOW)


def _check_url(value: Any, by: Actor) -> str | None:
    if not isinstance(value, str):
        return f"{quoted(value)} is not a text."
    try:
        check_url(value, allowed())
    except Refused as refusal:
        return (
            f"{quoted(value)} cannot be called: {refusal}; one such as https://hooks.example.com/fleet can."
        )
    return None


def render(params: Params, texts: Texts) -> Params:
    return {"url": params["url"], "message": fill(params.get("body") or "", texts)}


def told_of(action: FiringAction) -> dict[str, Any]:
    """What a program is told of the firing, with the alert and the tasks that it has by now."""
    firing = action.firing
    others = list(firing.actions.order_by("index"))
    return {
        "firing_id": firing.pk,
        "rule": {"id": firing.rule_id, "name": firing.rule.name, "version": firing.rule_version},
        "vehicle_id": firing.vehicle.vehicle_id,
        "fleet_id": firing.vehicle.fleet.fleet_id if firing.vehicle.fleet else None,
        "explanation": firing.explanation,
        "cause": firing.cause,
        "alerts": [one.alert_id for one in others if one.alert_id],
        "tasks": [one.task_id for one in others if one.task_id],
    }


def prepare(action: FiringAction) -> Callable[[], Ran]:
    firing, id_ = action.firing, mail_name(action)
    url, let = str(action.params["url"]), allowed()
    body = orjson.dumps(
        {
            "id": id_,
            "type": MessageType.RULE_FIRED,
            "occurred_at": firing.occurred_at.isoformat().replace("+00:00", "Z"),
            **told_of(action),
            "message": action.params["message"],
        }
    )
    secret = firing.rule.webhook_secret
    return lambda: _send(url, id_, body, secret, let)


def _send(url: str, id_: str, body: bytes, secret: str, let: Allowed) -> Ran:
    try:
        answer = post(read_url(url), body, headers_of(id_, body, secret, at=timezone.now()), allowed=let)
    except Refused as refusal:
        raise ActionFailed(f"{url} was not called: {refusal}.") from refusal
    told = _told(answer)
    if 200 <= answer.status < 300:
        return Ran(f"{url} answered {told}.")
    if 400 <= answer.status < 500 and answer.status not in PASSING:
        raise ActionFailed(f"{url} answered {told}, which is for good.")
    raise TryLater(f"{url} answered {told}", _retry_after_s(answer))


def headers_of(id_: str, body: bytes, secret: str, *, at: datetime) -> dict[str, str]:
    """The id is the same at every repeat, the time is that of the attempt, and both are signed."""
    seconds = str(int(at.timestamp()))
    signed = hmac.digest(base64.b64decode(secret), f"{id_}.{seconds}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "FleetManager/1.0",
        "Idempotency-Key": id_,
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _told(answer: Answer) -> str:
    told = f"{answer.status} {answer.reason}".strip()
    return f"{told}: {answer.text}" if answer.text else told


def _retry_after_s(answer: Answer) -> float:
    """Seconds or a date; 0 where the server says nothing that can be understood, an hour at most."""
    written = answer.headers.get("retry-after", "").strip()
    if written.isdecimal():
        return float(min(int(written[:9]), LONGEST_RETRY_AFTER_S))
    try:
        at = parsedate_to_datetime(written)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - timezone.now()).total_seconds()), LONGEST_RETRY_AFTER_S)


CALL_WEBHOOK = LeavingKind(
    type="call_webhook",
    label="Call webhook",
    checks={"url": _check_url, "body": text_check(20_000)},
    required=("url",),
    render=render,
    prepare=prepare,
)
