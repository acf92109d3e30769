"""Every channel and every type of message. See docs/messages.md."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import orjson


class Channel(StrEnum):
    TELEMETRY_RAW = "fleet.telemetry.raw"
    TELEMETRY_PROCESSED = "fleet.telemetry.processed"
    COMMANDS = "fleet.commands"
    ALERTS_TRIGGERED = "fleet.alerts.triggered"
    # The bell that a commit rings for the listeners: it says which lanes have work, and may be lost.
    CHANGES = "fleet.changes"


class MessageType(StrEnum):
    READING = "telemetry.reading"
    VEHICLE_CHANGED = "vehicle.changed"
    RULE_FIRED = "rule.fired"
    CHANGES_COMMITTED = "changes.committed"
    COMMAND = "command"
    COMMAND_RESULT = "command.result"
    ALERT_TRIGGERED = "alert.triggered"


class MalformedMessage(ValueError):
    """What came is no JSON object ``{id, type, occurred_at, data}``, nor bare data."""


def now_text() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Message:
    """``data`` is one object, or a list of them where one message speaks of many vehicles."""

    type: str
    data: Any
    id: str = field(default_factory=lambda: str(uuid4()))
    occurred_at: str = field(default_factory=now_text)

    def to_json(self) -> bytes:
        body = {"id": self.id, "type": self.type, "occurred_at": self.occurred_at, "data": self.data}
        return orjson.dumps(body)

    @classmethod
    def from_json(cls, raw: bytes | str) -> "Message":
        """A whole message, or bare data taken as a reading. Raises MalformedMessage."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise MalformedMessage(f"This is no JSON: {error}.") from error
        if isinstance(body, dict) and "data" in body and "type" in body:
            known = {name: str(body[name]) for name in ("id", "occurred_at") if body.get(name)}
            return cls(type=str(body["type"]), data=body["data"], **known)
        if isinstance(body, dict) and "data" in body and "vehicle_id" not in body:
            return cls(type=MessageType.READING, data=body["data"])
        if isinstance(body, (dict, list)):
            return cls(type=MessageType.READING, data=body)
        raise MalformedMessage("A message is a JSON object or a list of objects.")
