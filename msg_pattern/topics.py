"""What each channel is as a Kafka topic: its partitions, how long it keeps records, and their key.

docs/messages.md shows this table. `MESSAGE_BUS_URL` may say otherwise for an installation.
"""

from dataclasses import dataclass

from msg_pattern.messages import Channel

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Topic:
    """``key`` names the field of a record's data that says whose it is: those records stay in order."""

    partitions: int
    keep_ms: int
    key: str = "vehicle_id"


TOPICS: dict[str, Topic] = {
    Channel.TELEMETRY_RAW: Topic(12, 7 * DAY_MS),
    Channel.TELEMETRY_PROCESSED: Topic(12, DAY_MS),
    "fleet.commands": Topic(6, 7 * DAY_MS),
    Channel.ALERTS_TRIGGERED: Topic(6, 30 * DAY_MS, key="fleet_id"),
    "fleet.missions.events": Topic(6, 30 * DAY_MS, key="mission_id"),
    Channel.CHANGES: Topic(1, HOUR_MS, key=""),
}
# What nobody waits for: it may be lost, and whoever rings must not stand there until it is on disk.
BELLS = frozenset({Channel.CHANGES})
# A channel that the table does not name, such as a test's.
OTHER = Topic(3, DAY_MS)


def topic_of(channel: str) -> Topic:
    return TOPICS.get(channel, OTHER)
