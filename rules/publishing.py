"""The action *publish message*: onto the bus, for whoever listens; readings go the way of all readings."""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from accounts.actors import Actor
from msg_pattern.bus import Outgoing, get_bus
from msg_pattern.messages import Channel, Message, MessageType
from rules.action_kinds import LeavingKind, Params, Ran, Texts, text_check
from rules.exceptions import ActionFailed
from rules.mail import mail_name
from rules.models import FiringAction, Rule
from rules.patterns import quoted
from rules.scope import sight_of
from rules.texts import LONGEST_TEXT, Text, fill
from rules.webhooks import told_of
from vehicle_management.models import Vehicle

READINGS = Channel.TELEMETRY_RAW.value
OURS = "fleet."
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_IDS = uuid.UUID("b7d0f0c8-6b0c-5a1e-9f3c-0d8f6a4f2c11")


def _check_channel(value: Any, by: Actor) -> str | None:
    if not isinstance(value, str) or not _CHANNEL.fullmatch(value):
        return (
            f"{quoted(value)} is no channel; up to 100 small letters, digits, dots, dashes and _ are, "
            "such as workshop.jobs."
        )
    if value.startswith(OURS) and value != READINGS:
        return f"Channels that begin with {OURS} are ours; of these a rule publishes on {READINGS} alone."
    return None


def _agree(params: Params) -> Mapping[str, str]:
    """A reading must come out as JSON; what stands for a value is tried with a number."""
    if params.get("channel") != READINGS or not isinstance(params.get("message"), str):
        return {}
    if isinstance(_json(Text(params["message"]).safe_substitute(_Ones())), dict):
        return {}
    told = "A message on {channel} is a reading: a JSON object such as {example}."
    return {"message": told.format(channel=READINGS, example='{"speed_limit_kmh": 30}')}


class _Ones(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "1"


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def render(params: Params, texts: Texts) -> Params:
    """In a reading each value is written as JSON writes it, so that none can end its string.

    A value is cut before that, so it stays whole; a reading that is cut itself is none, and fails when it is run.
    """
    if params["channel"] == READINGS:
        texts = {name: orjson.dumps(text).decode()[1:-1] for name, text in texts.items()}
    return {"channel": params["channel"], "message": fill(params["message"], texts)}


def prepare(action: FiringAction) -> Callable[[], Ran]:
    if action.params["channel"] == READINGS:
        return _prepare_reading(action)
    channel, firing = action.params["channel"], action.firing
    message = Message(
        type=MessageType.RULE_FIRED,
        data={**told_of(action), "message": action.params["message"]},
        id=str(uuid.uuid5(_IDS, mail_name(action))),
        occurred_at=firing.occurred_at.isoformat().replace("+00:00", "Z"),
    )

    def send() -> Ran:
        get_bus().publish(channel, message)
        return Ran(f"Published on {channel} as {message.id}.")

    return send


def _prepare_reading(action: FiringAction) -> Callable[[], Ran]:
    firing = action.firing
    reading = _json(action.params["message"])
    if not isinstance(reading, dict):
        if len(action.params["message"]) >= LONGEST_TEXT:
            raise ActionFailed(
                f"The message came out longer than {LONGEST_TEXT:,} characters and was cut, so it is no reading; "
                "name fewer attributes in it."
            )
        raise ActionFailed(
            f"The message is no JSON object, so it is no reading: {action.params['message'][:200]}."
        )
    reading.setdefault("vehicle_id", firing.vehicle.vehicle_id)
    _refuse_unseen(firing.rule, reading["vehicle_id"])
    entry = Outgoing(
        orjson.dumps(reading),
        key=str(reading["vehicle_id"]),
        sender=f"firing:{firing.pk}",
        # One without a time of its own is of this one, also when it comes twice.
        received_ms=round(firing.fired_at.timestamp() * 1000) + action.index,
    )

    def send() -> Ran:
        get_bus().append(READINGS, [entry])
        return Ran(f"A reading of {reading['vehicle_id']} was published on {READINGS}.")

    return send


def _refuse_unseen(rule: Rule, vehicle_id: Any) -> None:
    """A rule speaks for the vehicles that its maker sees, as its maker would."""
    sight = sight_of(rule)
    seen = Vehicle.objects.all() if sight.fleets is None else Vehicle.objects.filter(fleet__in=sight.fleets)
    if sight.only is not None:
        seen = seen.filter(pk__in=sight.only)
    if not isinstance(vehicle_id, str) or not seen.filter(vehicle_id=vehicle_id).exists():
        raise ActionFailed(
            f"The rule's maker sees no vehicle {quoted(vehicle_id)}, so it may not report for it."
        )


PUBLISH_MESSAGE = LeavingKind(
    type="publish_message",
    label="Publish message",
    checks={"channel": _check_channel, "message": text_check(10_000)},
    required=("channel", "message"),
    agree=_agree,
    render=render,
    prepare=prepare,
)
