"""The outbox: actions that firings owe, claimed row by row, with attempts that come ever more seldom.

What stays with us is done by the fifty, each batch in one transaction with the notes that it was done. What
leaves us is claimed in a short transaction that moves ``next_at`` ahead, a lease, and counts the attempt; then it is
sent in a thread, with no transaction open, and what came of it is noted. A process that is killed in between
leaves the lease to run out, and the repetition bears the same ids.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.actors import Actor
from api_pattern import metrics
from rules.action_kinds import LeavingKind, Ran
from rules.actions import ACTIONS
from rules.attempts import (
    BROKE_OFF,
    NOTED,
    Try,
    give_up,
    next_attempt,
    note_done,
    note_failure,
    numbers_of,
    row_of,
)
from rules.exceptions import ActionIsNotWaiting, ActionMustWait, RuleIsNotYours
from rules.models import ActionAttempt, FiringAction

__all__ = ["next_attempt", "retry_action", "run_pending_actions"]

LEASE = timedelta(seconds=30)
_RENEW_S = 10.0
_AT_ONCE = 50
_THREADS = 16
# So many at once of one rule's actions of a type: a slow sink leaves room for the others.
_SHARE = 4
# While something is under way, what else is due is looked for so often.
_GLANCE_S = 0.1
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
    with _Sending() as sending:
        while True:
            count = _run_staying(min(_AT_ONCE, limit - tried))
            count += sending.begin(limit - tried - count)
            tried += count
            if count == 0 and not sending.under_way:
                return tried
            sending.settle(0 if count else _GLANCE_S)


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


def _due(types: list[str]) -> Any:
    return (
        FiringAction.objects.filter(status=Status.PENDING, type__in=types, next_at__lte=timezone.now())
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .order_by("next_at", "pk")
        .select_related("firing__rule", "firing__vehicle__customer", "firing__vehicle__fleet")
    )


def _count(actions: Iterable[FiringAction]) -> None:
    """After the commit: what was rolled back was not done."""
    for action in actions:
        metrics.actions.labels(action.type, OUTCOMES[Status(action.status)]).inc()


# ---------------------------------------------------------------- what stays with us


def _run_staying(most: int) -> int:
    if most <= 0:
        return 0
    with transaction.atomic():
        # Tasks lock their vehicle: in the order of the vehicles, as the door does.
        actions = sorted(
            _due(_STAYING)[:most], key=lambda one: (one.firing.vehicle_id, one.firing_id, one.index)
        )
        numbers = numbers_of(actions) if actions else {}
        tries = [one for action in actions if (one := _try(Try(action, numbers[action.pk])))]
        ActionAttempt.objects.bulk_create(map(row_of, tries))
    _count(actions)
    return len(actions)


def _try(one: Try) -> Try | None:
    """None where it had to wait for another action, which is no attempt. Noted at once: the next one may ask."""
    tried = _run(one)
    one.action.save(update_fields=NOTED)
    return tried


def _run(one: Try) -> Try | None:
    one.action.attempts += 1
    try:
        with transaction.atomic():
            ran = ACTIONS[one.action.type].run(one.action)
    except Exception as error:
        if connection.needs_rollback:
            # The connection itself is gone: nothing was done, and nothing can be noted.
            raise
        note_failure(one.action, error)
        if isinstance(error, ActionMustWait):
            return None
    else:
        note_done(one.action, ran)
    one.end()
    return one


# ---------------------------------------------------------------- what leaves us


class _Sending:
    """Sends in threads; all that the database is asked or told, it is in the thread of whoever holds this."""

    def __init__(self) -> None:
        self.under_way: dict[Future[Ran], Try] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._renewed = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown()

    def begin(self, most: int) -> int:
        """Claim and send some of what is due; answers how many, none while all threads are busy."""
        most = min(most, _THREADS - len(self.under_way), _SHARE)
        if most <= 0:
            return 0
        claimed = _claim(most, self._crowded())
        for one in claimed:
            self._begin(one)
        return len(claimed)

    def _crowded(self) -> list[tuple[int, str]]:
        """Rules and types that have their share of the threads."""
        held = Counter((one.action.firing.rule_id, one.action.type) for one in self.under_way.values())
        return [place for place, count in held.items() if count >= _SHARE]

    def _begin(self, one: Try) -> None:
        action = one.action
        if action.status != Status.PENDING:
            _settle(one)
            return
        kind = ACTIONS[action.type]
        assert isinstance(kind, LeavingKind)
        try:
            with transaction.atomic():
                send = kind.prepare(action)
        except Exception as error:
            if connection.needs_rollback:
                raise
            note_failure(action, error)
            _settle(one)
        else:
            self._threads = self._threads or ThreadPoolExecutor(_THREADS, "sending")
            self.under_way[self._threads.submit(_timed, send, one)] = one

    def settle(self, within_s: float) -> None:
        """Note what came of those that ended, after waiting for one of them where none has."""
        if not self.under_way:
            return
        ended, _others = wait(self.under_way, within_s, FIRST_COMPLETED)
        for future in ended:
            one = self.under_way.pop(future)
            error = future.exception()
            if error is None:
                note_done(one.action, future.result())
            else:
                note_failure(one.action, error)
            _settle(one)
        if self.under_way and monotonic() - self._renewed > _RENEW_S:
            self._renew()

    def _renew(self) -> None:
        held = [one.action.pk for one in self.under_way.values()]
        FiringAction.objects.filter(pk__in=held, status=Status.PENDING).update(next_at=timezone.now() + LEASE)
        self._renewed = monotonic()


def _timed(send: Callable[[], Ran], one: Try) -> Ran:
    one.began = monotonic()
    try:
        return send()
    finally:
        one.end()


def _claim(most: int, crowded: Iterable[tuple[int, str]]) -> list[Try]:
    """Take the lease of some that are due, and count the attempt, whatever becomes of it."""
    due = _due(_LEAVING)
    for rule, type_ in crowded:
        due = due.exclude(Q(firing__rule=rule, type=type_))
    with transaction.atomic():
        actions = list(due[:most])
        if not actions:
            return []
        for action in actions:
            if action.attempts >= settings.ACTION_ATTEMPTS:
                give_up(action, BROKE_OFF.rstrip("."))
            else:
                action.attempts += 1
                action.next_at = timezone.now() + LEASE
        FiringAction.objects.bulk_update(actions, ["attempts", "next_at"])
        return _begun(actions)


def _begun(actions: list[FiringAction]) -> list[Try]:
    """A row per attempt from its beginning on; those that a killed process began are ended here."""
    numbers = numbers_of(actions)
    left = ActionAttempt.objects.filter(action__in=actions, status=Status.PENDING)
    left.update(status=Status.FAILED, answer=BROKE_OFF)
    tries = [Try(action, numbers[action.pk]) for action in actions]
    for one in tries:
        if one.action.status == Status.PENDING:
            one.row = ActionAttempt(
                action=one.action, number=one.number, took_ms=0, status=Status.PENDING, answer=""
            )
    ActionAttempt.objects.bulk_create([one.row for one in tries if one.row])
    return tries


def _settle(one: Try) -> None:
    """A lease that ran out gave the action to another: then only a success is still news."""
    action = one.action
    with transaction.atomic():
        held = FiringAction.objects.filter(pk=action.pk, status=Status.PENDING)
        if action.status != Status.DONE:
            held = held.filter(attempts=action.attempts)
        held.update(**{name: getattr(action, name) for name in NOTED if name != "attempts"})
        if one.row is not None:
            told = row_of(one)
            ActionAttempt.objects.filter(pk=one.row.pk).update(
                took_ms=told.took_ms, status=told.status, answer=told.answer
            )
    _count([action])
