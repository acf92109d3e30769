"""The rules' side of a lane: its pending change batches, taken in order and worked on exactly once.

One transaction takes batches, moves states, writes firings with their actions, and marks the batches
done. It reads one snapshot, so that values and batches fit together.

Two workers on one lane cannot both succeed: batches are marked before anything else is written, and the
one that comes second is told by the database that its snapshot has passed, and begins again. Holding the
lane (``take_lane``) only spares that work.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError, connection, transaction

from api_pattern import metrics
from rules.clocks import clock_of
from rules.evaluation import Evaluation
from rules.firings import lock_for_writing, write_outcome
from rules.late import wake_later
from rules.limits import hold_back
from rules.models import Rule, RuleScan
from rules.moments import now_ms
from rules.pending import has_pending_before, load_batches, mark_done, pending_batches
from rules.running import RuleBook, RunningRule, current_book, forget_book
from rules.scans import next_vehicles
from rules.states import begin_scans, cursors_of, store_states
from rules.tasks import ring_for_actions
from rules.ticks import tick
from vehicle_management.models import LANES

TRIES = 8
UNKNOWN = 0
LANE_LOCKS = 7_110
# The snapshot has passed; a deadlock; another worker wrote the same row first.
_TRY_AGAIN = frozenset(("40001", "40P01", "23505"))

Publish = Callable[[list[int]], None]
Done = TypeVar("Done")


@contextmanager
def take_lane(lane: int) -> Iterator[bool]:
    """Hold the lane with this connection; False where another one holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LANE_LOCKS, lane])
        (taken,) = cursor.fetchone()
    try:
        yield taken
    finally:
        if taken and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LANE_LOCKS, lane])


def work_lane(lane: int, publish: Publish | None = None) -> int:
    """Work on the lane's next batches; answers how many are done now. Call again until it answers 0.

    ``publish`` gets the batches' keys in their order, just before the commit.
    """
    return _in_one_snapshot(lambda: _work(lane, publish))


def scan_rules(lane: int, until: int | None = None) -> int:
    """Look at the next vehicles of a rule that began anew; answers 0 when no scan waits in this lane.

    Batches from before the rule's beginning go first: while there are any, it answers 0 too. ``until``: everything
    that was received before then (milliseconds) is stored; by default all is. Where that is not known (``UNKNOWN``),
    rules that go by time wait.
    """
    return _in_one_snapshot(lambda: _scan(lane, now_ms() if until is None else until))


def tick_lane(lane: int, until: int) -> int:
    """Ask the clock for the rules that go by time; answers 0 where they were asked up to a time already.

    ``until`` (milliseconds): everything that was received before then is stored.
    """
    return _in_one_snapshot(lambda: _tick(lane, until))


def drain_lane(
    lane: int,
    publish: Publish | None = None,
    may_go_on: Callable[[], bool] = lambda: True,
    *,
    until: int | None = None,
) -> int:
    """Everything that the lane owes, batches and scans, as long as one may go on; ``until`` as scans have it."""
    total = 0
    while may_go_on() and (count := work_lane(lane, publish) + scan_rules(lane, until)):
        total += count
    return total


def drain(*, until: int | None = None) -> int:
    """Every lane, one after the other, and the clock up to a time (milliseconds); for commands and tests."""
    total = 0
    while count := sum(drain_lane(lane) for lane in range(LANES)):
        total += count
    for lane in range(LANES) if until is not None else ():
        while tick_lane(lane, until or 0):
            total += 1
    return total


def _in_one_snapshot(work: Callable[[], Done]) -> Done:
    nested = connection.in_atomic_block
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                if not nested:
                    with connection.cursor() as cursor:
                        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return work()
        except DatabaseError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            forget_book()
            if nested or state not in _TRY_AGAIN or attempt == TRIES - 1:
                raise
        # Two that fail together must not come back together.
        time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
    raise AssertionError("the last try returns or raises")


def _work(lane: int, publish: Publish | None) -> int:
    pks = pending_batches(lane)
    if not pks:
        return 0
    mark_done(pks)
    book = _book()
    if book.rules:
        batches, now = load_batches(pks), now_ms()
        ticked = clock_of(lane) if book.by_clock else None
        clocks = {} if ticked is None else dict.fromkeys((rule.pk for rule in book.by_clock), ticked)
        evaluation = Evaluation(book, lane, cursors_of(lane, _epochs(book)), clocks, now)
        evaluation.run(batches)
        _store(evaluation)
        wake_later(book, batches, now)
    if publish is not None:
        publish(pks)
    return len(pks)


def _tick(lane: int, until: int) -> int:
    count = 0
    for evaluation in tick(_book(), lane, until):
        _store(evaluation)
        count += 1
    return count


def _scan(lane: int, until: int) -> int:
    # First the rules: where a maker's fleets changed meanwhile, that makes scans.
    book = _book()
    scans = list(RuleScan.objects.filter(lane=lane).order_by("rule"))
    for scan in scans:
        rule = book.rules.get(scan.rule_id)
        if rule is None or rule.epoch != scan.epoch:
            scan.delete()
        elif until == UNKNOWN and rule.goes_by_clock:
            continue
        elif has_pending_before(lane, rule.started_at):
            return 0
        else:
            return _scan_some(scan, rule, book, until or now_ms())
    return 0


def _scan_some(scan: RuleScan, rule: RunningRule, book: RuleBook, now: int) -> int:
    vehicles = next_vehicles(rule, scan.lane, scan.after_vehicle)
    if not vehicles:
        scan.delete()
        return 1
    # First of all writes, as the batches' marks are: of two workers one fails here.
    RuleScan.objects.filter(pk=scan.pk).update(after_vehicle=vehicles[-1])
    evaluation = Evaluation(book, scan.lane, now=now)
    evaluation.look(rule, vehicles)
    _store(evaluation)
    return len(vehicles)


def _store(evaluation: Evaluation) -> None:
    changes, outcome = evaluation.states.changes(), evaluation.outcome
    if changes or not outcome.is_empty:
        lock_for_writing(outcome, changes)
        store_states(changes, _epochs(evaluation.book))
        hold_back(outcome)
        write_outcome(outcome)
        if outcome.crossings or outcome.ended:
            ring_for_actions()
    _count(evaluation)


def _count(evaluation: Evaluation) -> None:
    """After the commit: what has to begin again was not done."""
    held, fired = evaluation.held, len(evaluation.outcome.crossings)

    def count() -> None:
        metrics.rule_evaluations.inc(held)
        metrics.rule_firings.inc(fired)

    transaction.on_commit(count)


def _epochs(book: RuleBook) -> dict[int, int]:
    return {pk: rule.epoch for pk, rule in book.rules.items()}


def _book() -> RuleBook:
    """The rules as they are now. Where a maker's fleets changed, the lanes are looked through again."""
    book = current_book()
    if book.moved:
        for pk, digest in book.moved:
            Rule.objects.filter(pk=pk).update(watched_as=digest)
        begin_scans({pk: book.rules[pk].epoch for pk, _digest in book.moved}, range(LANES))
        # Read again next time: this one still says that they moved.
        forget_book()
    return book
