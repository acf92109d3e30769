"""Trials that a worker does while somebody waits: what is asked and what came of it lie in the cache, for an hour.

Nothing is lost with it: whoever asked asks again. At most one is worked on at a time, so that actions of rules
never wait for it.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep, time
from typing import Any

import structlog
from celery import current_app
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerError

from accounts.actors import Actor, actor_of
from accounts.models import ApiKey, User
from api_pattern.exceptions import Unavailable
from rules.history import count_readings
from rules.models import Rule
from rules.trial_draft import Draft, read_draft
from rules.trial_run import try_over_history

log = structlog.get_logger(__name__)

# So many readings and repetitions are gone through at once, in well under a second; more of them by a worker.
AT_ONCE = 50_000
KEPT_S = 3_600
TAKEN_WITHIN_S = 15
SILENT_S = 60
DONE_WITHIN_S = 120
LOOKS_EVERY_S = 0.2
TASK = "rules.tasks.try_rule"
LOCK = 7_130


@dataclass(frozen=True)
class Asked:
    """A trial as it was asked for: ``values`` are the draft's fields over those of the rule ``origin``."""

    values: Mapping[str, Any]
    start: datetime
    end: datetime
    vehicles: tuple[str, ...] | None = None
    origin: int | None = None

    def draft(self, by: Actor) -> Draft:
        """Raises ValidationError by the path of what is wrong, and Rule.DoesNotExist."""
        origin = Rule.objects.visible_to(by).get(pk=self.origin) if self.origin else None
        return read_draft(self.values, by=by, origin=origin, vehicles=self.vehicles)


@dataclass(frozen=True)
class Job:
    """How far a trial has come ``at`` a time: ``told`` once it is done, ``errors`` where it could not be."""

    by: str
    asked: Asked
    state: str = "waiting"
    share: float = 0.0
    told: Mapping[str, Any] | None = None
    errors: Mapping[str, list[str]] | None = None
    at: float = field(default_factory=time)

    @property
    def is_lost(self) -> bool:
        """Nobody has said anything of it for so long that nobody will."""
        silent_s = TAKEN_WITHIN_S if self.state == "waiting" else SILENT_S
        return not self.is_over and time() - self.at > silent_s

    @property
    def is_over(self) -> bool:
        return self.told is not None or self.errors is not None


def try_or_ask(asked: Asked, *, by: Actor) -> Mapping[str, Any] | str:
    """What came of the trial, or, where it takes a worker, the token to find its job by.

    Raises ValidationError, and Unavailable where no worker can be asked.
    """
    draft = asked.draft(by)
    readings = count_readings(list(draft.vehicles), asked.start, asked.end, most=AT_ONCE)
    if readings + _most_repeated(draft, asked) <= AT_ONCE:
        return try_over_history(draft, asked.start, asked.end)
    token = secrets.token_urlsafe(24)
    _keep(token, Job(_who(by), asked))
    _ring(token)
    return token


def _most_repeated(draft: Draft, asked: Asked) -> int:
    """How often the rule would repeat itself, were it true of every vehicle all the time."""
    if not draft.rule.repeat_s:
        return 0
    period_s = (asked.end - asked.start).total_seconds()
    return int(period_s / draft.rule.repeat_s) * len(draft.vehicles)


def wait_for(token: str, *, by: Actor) -> Mapping[str, Any]:
    """What came of the trial, once a worker has done it. Raises ValidationError and Unavailable."""
    began = monotonic()
    while (job := find_job(token, by=by)) is not None:
        if job.errors is not None:
            raise ValidationError(dict(job.errors))
        if job.told is not None:
            return job.told
        if job.is_lost:
            raise Unavailable(why_lost(job))
        if monotonic() - began > DONE_WITHIN_S:
            break
        sleep(LOOKS_EVERY_S)
    raise Unavailable(_("The trial takes too long; choose a shorter time or fewer vehicles."))


def why_lost(job: Job) -> str:
    if job.state == "waiting":
        return _("No worker takes the trial now; try again, or choose a shorter time or fewer vehicles.")
    return _("The worker that did the trial has stopped; start it again.")


def find_job(token: str, *, by: Actor) -> Job | None:
    """Of whoever asked for it, nobody else."""
    job: Job | None = cache.get(_key(token))
    return job if job is not None and job.by == _who(by) else None


def work_on(token: str) -> None:
    """Done by the worker; one that another trial keeps waiting is rung for again."""
    job: Job | None = cache.get(_key(token))
    if job is None or job.is_over:
        return
    with _only_one() as is_mine:
        if not is_mine:
            # Not lost, but in a queue.
            _keep(token, Job(job.by, job.asked))
            _ring(token, later=True)
            return
        _keep(token, _done(token, job))


def _done(token: str, job: Job) -> Job:
    by = _actor(job.by)
    if by is None:
        return _ended(job, {"body": [_("Whoever asked for the trial may not any more.")]})
    _tell(token, job, 0.0)
    try:
        draft = job.asked.draft(by)
        told = try_over_history(
            draft, job.asked.start, job.asked.end, tick=lambda share: _tell(token, job, share)
        )
    except ValidationError as error:
        return _ended(job, error.message_dict if hasattr(error, "error_dict") else {"body": error.messages})
    except Rule.DoesNotExist:
        return _ended(job, {"body": [_("The rule was deleted meanwhile.")]})
    except Exception:
        log.exception("a trial failed", token=token[:8])
        _keep(token, _ended(job, {"body": [_("The trial failed; our logs say why.")]}))
        raise
    return Job(job.by, job.asked, "done", 1.0, told)


def _ended(job: Job, errors: Mapping[str, list[str]]) -> Job:
    return Job(job.by, job.asked, "failed", errors=errors)


def _tell(token: str, job: Job, share: float) -> None:
    _keep(token, Job(job.by, job.asked, "running", share))


def _keep(token: str, job: Job) -> None:
    cache.set(_key(token), job, KEPT_S)


def _key(token: str) -> str:
    return f"trial:{token[:64]}"


def _ring(token: str, *, later: bool = False) -> None:
    try:
        current_app.send_task(
            TASK, [token], retry=False, expires=DONE_WITHIN_S, countdown=1 if later else None
        )
    except (BrokerError, OSError) as error:
        raise Unavailable(_("No worker can be asked for the trial now; try again in a moment.")) from error


@contextmanager
def _only_one() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (taken,) = cursor.fetchone()
        try:
            yield taken
        finally:
            if taken:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _who(by: Actor) -> str:
    return f"user:{by.user.pk}" if by.user is not None else f"key:{by.key.pk if by.key else 0}"


def _actor(who: str) -> Actor | None:
    kind, _colon, pk = who.partition(":")
    if kind == "user":
        return actor_of(User.objects.filter(pk=pk, is_active=True).first(), None)
    key = ApiKey.objects.filter(pk=pk).first()
    return actor_of(None, key) if key is not None and key.is_usable else None
