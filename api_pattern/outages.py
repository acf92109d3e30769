"""Errors that say that a server is away, which passes by itself, and those that say something of what was asked."""

from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

# Lost connections, a server that stops or starts, and one that has no room: none of it is the asker's fault.
AWAY_STATES = ("08", "53", "57P")


def is_away(error: BaseException) -> bool:
    """PostgreSQL's other operational errors (a limit of its own, a deadlock) come again for the same work."""
    if isinstance(error, OperationalError):
        state = getattr(error.__cause__, "sqlstate", None)
        return state is None or state.startswith(AWAY_STATES)
    return isinstance(error, InterfaceError | RedisError | OSError)
