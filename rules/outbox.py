"""The outbox: actions that firings owe, claimed row by row, with attempts that come ever more seldom."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.actors import Actor
from api_pattern import metrics
from rules.actions import ACTIONS
from rules.exceptions import ActionFailed, ActionIsNotWaiting, RuleIsNotYours
from rules.models import FiringAction

logger = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(hours=1)
_AT_ONCE = 50
_LEAVING = [kind.type for kind in ACTIONS.values() if kind.leaves_us]
_STAYING = [kind.type for kind in ACTIONS.values() if not kind.leaves_us]
Status = FiringAction.Status
OUTCOMES = {
    Status.DONE: "done",
    Status.FAILED: "failed",
    Status.PARKED: "parked",
    Status.PENDING: "postponed",
}
metrics.begin_at_zero(metrics.actions, tuple(ACTIONS), tuple(OUTCOMES.values()))


def run_pending_actions(limit: int = 500) -> int:
    """Run up to ``limit`` actions that are due; answers how many were tried. Any number may run beside it."""
    tried = 0
    while tried < limit:
        # What is rolled back with its note goes by the fifty; what leaves us goes alone.
        count = _run_some(_STAYING, min(_AT_ONCE, limit - tried)) + _run_some(_LEAVING, 1)
        if count == 0:
            break
        tried += count
    return tried


def retry_action(action: FiringAction, *, by: Actor) -> FiringAction:
    """Try again what failed or was given up.

    Raises ActionIsNotWaiting for any other, and RuleIsNotYours for who may not write or see the vehicle.
    """
    if not (by.can_write and FiringAction.objects.visible_to(by).filter(pk=action.pk).exists()):
        raise RuleIsNotYours("Running an action again is for those who manage its vehicle.")
    waiting = FiringAction.objects.filter(pk=action.pk, status__in=(Status.FAILED, Status.PARKED))
    told = f"{action.result} Tried again by {by.user or by.key}.".strip()
    if not waiting.update(
        status=Status.PENDING, attempts=0, next_at=timezone.now(), done_at=None, result=told
    ):
        raise ActionIsNotWaiting("Only an action that failed or was given up is tried again.")
    action.refresh_from_db()
    return action


def next_attempt(attempts: int, now: datetime) -> datetime:
    """5 s after the first attempt, and twice as long after each further one, up to an hour."""
    return now + min(timedelta(seconds=5 * 2 ** (attempts - 1)), LONGEST_WAIT)


def _run_some(types: list[str], most: int) -> int:
    with transaction.atomic():
        actions = list(_claim(types, most))
        for action in actions:
            _try(action)
    for action in actions:
        metrics.actions.labels(action.type, OUTCOMES[Status(action.status)]).inc()
    return len(actions)


def _claim(types: list[str], most: int) -> Iterable[FiringAction]:
    due = (
        FiringAction.objects.filter(status=Status.PENDING, type__in=types, next_at__lte=timezone.now())
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("next_at", "pk")
        .select_related("firing__rule", "firing__vehicle__customer")
    )
    # Tasks lock their vehicle: in the order of the vehicles, as the door does.
    return sorted(due[:most], key=lambda action: (action.firing.vehicle_id, action.firing_id, action.index))


def _try(action: FiringAction) -> None:
    action.attempts += 1
    try:
        with transaction.atomic():
            ran = ACTIONS[action.type].run(action)
    except ActionFailed as failure:
        action.status, action.result = Status.FAILED, str(failure)
    except Exception as error:
        if connection.needs_rollback:
            # The connection itself is gone: nothing was done, and nothing can be noted.
            raise
        _postpone(action, error)
    else:
        action.status, action.result, action.task = Status.DONE, ran.result, ran.task
    if action.status != Status.PENDING:
        action.done_at = timezone.now()
    action.save(update_fields=["attempts", "status", "result", "task", "next_at", "done_at"])


def _postpone(action: FiringAction, error: Exception) -> None:
    """Any failure that may pass; what it was is kept on the row, and in the log with its traceback."""
    expected = isinstance(error, OSError) and not isinstance(error, DatabaseError)
    logger.warning(
        "action %s of firing %s failed at attempt %s: %s",
        action.index,
        action.firing_id,
        action.attempts,
        error,
        exc_info=None if expected else error,
    )
    why = f"{type(error).__name__}: {error}".strip(": ")[:1_000]
    if action.attempts >= settings.ACTION_ATTEMPTS:
        action.status = Status.PARKED
        action.result = f"Given up after {action.attempts} attempts: {why}."
    else:
        action.next_at = next_attempt(action.attempts, timezone.now())
        action.result = f"Attempt {action.attempts} failed: {why}."
