"""When maintenance is due: so far or so long after the last one."""

from calendar import monthrange
from datetime import UTC, datetime

from rules.nodes import Due

DAY_MS = 86_400_000


def due_at_ms(node: Due, since_ms: int) -> int:
    """When it is told by the calendar: so many months after, less so many days; the 31st counts as the last."""
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    months = since.month - 1 + (node.every_months or 0)
    year, month = since.year + months // 12, months % 12 + 1
    day = min(since.day, monthrange(year, month)[1])
    then = since.replace(year=year, month=month, day=day)
    return int(then.timestamp() * 1000) - int(node.ahead_days * DAY_MS)


def last_km(node: Due, odometer: float | None) -> float | None:
    """Where nobody knows when it was done last: at the last full ``every_km`` of the odometer."""
    if node.every_km is None or odometer is None:
        return None
    return odometer // node.every_km * node.every_km
