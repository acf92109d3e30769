"""Up to when everything is stored that was received: what the rules' clock goes by."""

import time

import structlog

from msg_pattern.bus import Bus, BusError
from msg_pattern.messages import Channel
from telemetry.acceptance import GROUP

# Between its receipt and its place in the stream a reading is under way; clocks of two machines differ.
UNDER_WAY_MS = 1_000
log = structlog.get_logger(__name__)


def stored_until_ms(bus: Bus) -> int | None:
    """Milliseconds since 1970; None while the bus is away, for nobody knows then what waits."""
    asked_at = time.time_ns() // 1_000_000
    try:
        backlog = bus.backlog(Channel.TELEMETRY_RAW, group=GROUP)
    except (BusError, OSError) as error:
        log.warning("the rules' clock stands still", reason=str(error).strip()[:200])
        return None
    return asked_at - round(backlog.oldest_s * 1000) - UNDER_WAY_MS
