"""How far an upload is, in numbers and words, and the stream of events that tells it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.utils.translation import gettext as _

from dashboard.shown import duration, number
from file_manager.models import Upload

COUNTS = ("created", "updated", "unchanged", "repeated", "failed")
# Of the way from the file to the last row, reading and checking take this much.
READING_SHARE = 30
POLL_S = 0.3


@dataclass
class Progress:
    """``percent`` is None while nobody can know it."""

    percent: float | None
    done: int
    total: int
    told: str


def progress_of(upload: Upload) -> Progress:
    done = sum(getattr(upload, f"rows_{name}") for name in COUNTS)
    total, read = upload.rows_total, upload.rows_read
    if upload.status == Upload.Status.APPLYING and total:
        told = _("%(done)s of %(total)s rows") % {"done": number(done), "total": number(total)}
        return Progress(round(READING_SHARE + (100 - READING_SHARE) * done / total, 1), done, total, told)
    if upload.is_resting:
        return Progress(100, done, total, _("%(total)s rows") % {"total": number(total)})
    if upload.status == Upload.Status.UPLOADED:
        return Progress(None, 0, total, _("waiting for a worker"))
    told = _("%(read)s rows read") % {"read": number(read)} if read else _("reading")
    return Progress(None, read, total, told)


@dataclass
class Pace:
    """Rows per second, from what was done since the phase began."""

    status: str = ""
    since: float = 0.0
    began_with: int = 0
    rate: float = field(default=0.0)

    def hear(self, status: str, done: int) -> None:
        now = monotonic()
        if status != self.status:
            self.status, self.since, self.began_with, self.rate = status, now, done, 0.0
        elif now - self.since > POLL_S:
            self.rate = (done - self.began_with) / (now - self.since)

    def told(self, progress: Progress) -> str:
        if self.rate < 1:
            return ""
        pace = _("%(n)s rows/s") % {"n": number(self.rate)}
        if self.status != Upload.Status.APPLYING:
            return pace
        left = (progress.total - progress.done) / self.rate
        return _("%(pace)s, %(left)s left") % {"pace": pace, "left": duration(max(left, 1))}


def state_of(upload: Upload, pace: Pace) -> dict[str, Any]:
    """One event: everything that the page changes while it waits."""
    progress = progress_of(upload)
    pace.hear(upload.status, progress.done)
    return {
        "status": upload.status,
        "label": str(upload.get_status_display()),
        "percent": progress.percent,
        "told": progress.told,
        "pace": pace.told(progress),
        "counts": {name: number(getattr(upload, f"rows_{name}")) for name in COUNTS},
        "resting": upload.is_resting,
    }


def event(state: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(state)}\n\n".encode()


async def events(pk: int, sleep: Any) -> AsyncIterator[bytes]:
    """An event whenever something changed, until the upload rests."""
    pace, last = Pace(), b""
    while True:
        upload = await sync_to_async(_read)(pk)
        if upload is None:
            return
        told = event(state_of(upload, pace))
        if told != last:
            yield told
            last = told
        if upload.is_resting:
            return
        await sleep(POLL_S)


def _read(pk: int) -> Upload | None:
    upload = Upload.objects.filter(pk=pk).first()
    if not connection.in_atomic_block:
        # A stream lives for minutes: between two looks it holds no connection.
        connection.close()
    return upload
