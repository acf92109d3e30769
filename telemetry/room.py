"""Whether the bus has room for more readings, for those that put them there themselves."""

from redis.exceptions import RedisError

from api_pattern.exceptions import Unavailable
from msg_pattern.bus import Bus, BusError
from telemetry.acceptance import backlog


def refuse_when_full(bus: Bus) -> None:
    """Raises BusError where so much waits already that nobody may add to it, and where the bus is away."""
    try:
        if backlog.is_due:
            backlog.look(bus)
        backlog.refuse_when_full()
    except Unavailable as error:
        raise BusError(str(error.detail)) from error
    except RedisError as error:
        raise BusError(str(error)) from error
