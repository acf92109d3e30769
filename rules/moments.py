"""Times as rules reckon them: whole milliseconds since 1970."""

import time
from datetime import UTC, datetime, timedelta

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def ms_of(at: datetime | str | None) -> int | None:
    """Of a time, or of one as change batches write it (ISO 8601); None of nothing."""
    if at is None:
        return None
    return (datetime.fromisoformat(at) - _BEGIN) // _MS if isinstance(at, str) else (at - _BEGIN) // _MS


def time_of(ms: int) -> datetime:
    return _BEGIN + ms * _MS


def now_ms() -> int:
    return time.time_ns() // 1_000_000
