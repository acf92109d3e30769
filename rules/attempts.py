"""What came of an attempt: written onto the action, and as a row of its own that stays."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPException

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max
from django.utils import timezone

from rules.action_kinds import Ran
from rules.calls import Slow
from rules.exceptions import ActionFailed, ActionMustWait, TryLater
from rules.models import ActionAttempt, FiringAction

logger = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(hours=1)
TURN_AFTER = timedelta(seconds=1)
BROKE_OFF = "It broke off: the process that ran it ended."
Status = FiringAction.Status
NOTED = ("status", "result", "task", "alert", "attempts", "next_at", "done_at")


@dataclass
class Try:
    """One attempt of an action; ``number`` counts all of them, also those before it was run again."""

    action: FiringAction
    number: int
    began: float = field(default_factory=time.monotonic)
    took_ms: int = 0
    row: ActionAttempt | None = None

    def end(self) -> None:
        self.took_ms = round((time.monotonic() - self.began) * 1000)


def next_attempt(attempts: int, now: datetime) -> datetime:
    """5 s after the first attempt, and twice as long after each further one, up to an hour."""
    return now + min(timedelta(seconds=5 * 2 ** (attempts - 1)), LONGEST_WAIT)


def numbers_of(actions: Iterable[FiringAction]) -> dict[int, int]:
    """By action, the number of its next attempt."""
    pks = [action.pk for action in actions]
    rows = ActionAttempt.objects.filter(action__in=pks).order_by().values_list("action")
    last = dict(rows.annotate(last=Max("number")))
    return {pk: last.get(pk, 0) + 1 for pk in pks}


def note_done(action: FiringAction, ran: Ran) -> None:
    _end(action, Status.DONE, ran.result)
    action.task, action.alert = ran.task or action.task, ran.alert or action.alert


def note_failure(action: FiringAction, error: BaseException) -> None:
    """What may pass is tried again, up to ``ACTION_ATTEMPTS``; what never will ends here."""
    if isinstance(error, ActionFailed):
        _end(action, Status.FAILED, str(error))
    elif isinstance(error, ActionMustWait):
        action.attempts -= 1
        action.next_at, action.result = timezone.now() + TURN_AFTER, f"{error}."
    else:
        _postpone(action, error)


def _postpone(action: FiringAction, error: BaseException) -> None:
    """What it was is kept on the row, and in the log; with its traceback where it is none of the usual."""
    is_usual = isinstance(error, OSError | HTTPException | TryLater) and not isinstance(error, DatabaseError)
    logger.warning(
        "action %s of firing %s failed at attempt %s: %s",
        action.index,
        action.firing_id,
        action.attempts,
        error,
        exc_info=None if is_usual else error,
    )
    if action.attempts >= settings.ACTION_ATTEMPTS:
        give_up(action, why_of(error))
        return
    now = timezone.now()
    action.next_at = next_attempt(action.attempts, now)
    if isinstance(error, TryLater):
        action.next_at = max(action.next_at, now + timedelta(seconds=error.after_s))
    action.result = f"Attempt {action.attempts} failed: {why_of(error)}."


def give_up(action: FiringAction, why: str) -> None:
    _end(action, Status.PARKED, f"Given up after {action.attempts} attempts: {why}.")


def _end(action: FiringAction, status: str, result: str) -> None:
    action.status, action.result = status, result
    # A lease that was taken ends as well.
    action.done_at = action.next_at = timezone.now()


def why_of(error: BaseException) -> str:
    """What those say whom we asked is told as it is; of other errors, what kind they are as well."""
    told = str(error) if isinstance(error, TryLater | Slow) else f"{type(error).__name__}: {error}"
    return told.replace("\x00", "␀").strip(": ")[:1_000].rstrip(".")


def row_of(one: Try) -> ActionAttempt:
    """The attempt as it is stored: one that failed and is tried again failed all the same."""
    status = Status(one.action.status)
    return ActionAttempt(
        action=one.action,
        number=one.number,
        took_ms=one.took_ms,
        status=Status.FAILED if status == Status.PENDING else status,
        answer=one.action.result,
    )
