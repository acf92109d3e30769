"""What came of an evaluation, written down: firings with their causes, the actions that they owe, and alerts."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from rules.actions import ACTIONS
from rules.causes import causes_of, parent_of, parents_of
from rules.episodes import Crossing, Outcome, Pair
from rules.machine import Kind
from rules.models import ActionAttempt, Firing, FiringAction
from rules.moments import time_of
from rules.raising import Raised, apply_alerts
from rules.running import RunningRule
from rules.task_actions import COMPLETE_TASK, completion_params
from rules.texts import texts_of
from rules.values import load_texts

logger = logging.getLogger(__name__)

# A firing that so many firings led to, each by an action of the one before, does nothing more.
MOST_HOPS = 8
STOPPED = "Stopped: actions of rules led to this firing {hops} times in a row, the last one firing {parent}."
Status = FiringAction.Status


def lock_for_writing(outcome: Outcome, moved: Iterable[Pair]) -> None:
    """Vehicles in the order in which the door locks them, and rules against a change while they fire."""
    pairs = {
        *moved,
        *outcome.ended,
        *outcome.alerts,
        *((one.rule.pk, one.vehicle) for one in outcome.crossings),
    }
    with connection.cursor() as cursor:
        rules = sorted({rule for rule, _pk in pairs})
        cursor.execute("SELECT FROM rules_rule WHERE id = ANY(%s) ORDER BY id FOR SHARE", [rules])
        query = "SELECT FROM vehicle_management_vehicle WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"
        cursor.execute(query, [sorted({pk for _rule, pk in pairs})])


def write_outcome(outcome: Outcome) -> None:
    """Firings in the order in which they happened, each with its actions; alerts begin, go on and end."""
    crossings = sorted(
        outcome.crossings,
        key=lambda one: (one.batch.pk if one.batch else 0, one.position, one.at, one.rule.pk),
    )
    ended = _end_earlier(outcome)
    known = load_texts({one.vehicle for one in crossings if one.rule.actions}) if crossings else {}
    written = _write_firings(crossings, known)
    alerts = apply_alerts(outcome, written)
    actions = [*ended, *(action for one in written for action in _actions(one, alerts))]
    actions += [action for one in written if one.crossing.is_last for action in _ends(one)]
    FiringAction.objects.bulk_create(actions)
    _note_attempts(actions)
    _tell_of_stopped(written, known)


def _write_firings(crossings: Sequence[Crossing], known: Mapping[int, dict[str, Any]]) -> list[Raised]:
    if not crossings:
        return []
    causes = causes_of(crossings)
    hops = parents_of(causes)
    firings = Firing.objects.bulk_create(
        (_firing(one, cause, hops) for one, cause in zip(crossings, causes, strict=True)), batch_size=2_000
    )
    return [
        Raised(one, firing, texts_of(known.get(one.vehicle, {}), one.values, rule=one.rule.name))
        for one, firing in zip(crossings, firings, strict=True)
    ]


def _firing(one: Crossing, cause: dict[str, Any], hops: Mapping[int, int]) -> Firing:
    parent = parent_of(cause)
    return Firing(
        rule_id=one.rule.pk,
        rule_version=one.rule.version,
        vehicle_id=one.vehicle,
        batch=one.batch.pk if one.batch else None,
        seq=one.seq,
        kind=Firing.Kind.FIRED if one.kind is Kind.FIRE else Firing.Kind.REPEATED,
        occurred_at=time_of(one.at),
        cleared_at=None if one.cleared_at is None else time_of(one.cleared_at),
        parent_id=parent if parent in hops else None,
        hops=hops.get(parent or 0, -1) + 1,
        explanation=one.explanation,
        cause=cause,
    )


def _actions(one: Raised, alerts: Mapping[int, int]) -> Iterable[FiringAction]:
    """The alert is raised already; else what comes of its own doing too often is not done at all."""
    firing = one.firing
    stopped = firing.hops > MOST_HOPS
    for index, action in enumerate(one.crossing.rule.actions):
        kind = ACTIONS[action["type"]]
        row = FiringAction(firing=firing, index=index, type=kind.type, params=kind.render(action, one.texts))
        if action is one.crossing.rule.raises and firing.pk in alerts:
            row.status, row.done_at, row.attempts = Status.DONE, timezone.now(), 1
            row.alert_id, row.result = alerts[firing.pk], f"Alert {alerts[firing.pk]} is raised."
        elif stopped:
            row.status, row.done_at = Status.FAILED, timezone.now()
            row.result = STOPPED.format(hops=firing.hops, parent=firing.parent_id)
        yield row


def _tell_of_stopped(written: Iterable[Raised], known: Mapping[int, Mapping[str, Any]]) -> None:
    """After the commit, into the log: rules that run in circles need somebody who looks at them."""
    for one in written:
        if one.firing.hops > MOST_HOPS:
            told = STOPPED.format(hops=one.firing.hops, parent=one.firing.parent_id)
            vehicle = known.get(one.crossing.vehicle, {}).get("vehicle_id")
            line = f"firing {one.firing.pk} of rule “{one.crossing.rule.name}” for {vehicle}: {told}"
            transaction.on_commit(partial(logger.warning, "%s", line))


def _note_attempts(actions: Iterable[FiringAction]) -> None:
    ActionAttempt.objects.bulk_create(
        ActionAttempt(action=one, number=1, took_ms=0, status=one.status, answer=one.result)
        for one in actions
        if one.status == Status.DONE
    )


def _ends(one: Raised) -> Iterable[FiringAction]:
    return _completions(one.crossing.rule, one.firing, len(one.crossing.rule.actions))


def _completions(rule: RunningRule, firing: Firing, index: int) -> Iterable[FiringAction]:
    """What a firing owes when it ends: its tasks that are completed then."""
    made = [
        place
        for place, action in enumerate(rule.actions)
        if action["type"] == "create_task" and action.get("complete_when_cleared")
    ]
    for number, place in enumerate(made, start=index):
        yield FiringAction(
            firing=firing, index=number, type=COMPLETE_TASK.type, params=completion_params(place)
        )


def _end_earlier(outcome: Outcome) -> list[FiringAction]:
    """Firings from before end; the last one of each rule and vehicle owes what is to be done then."""
    if not outcome.ended:
        return []
    query = """
        WITH ended AS (
            UPDATE rules_firing firing SET cleared_at = GREATEST(t.at, firing.occurred_at)
            FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS t(rule, vehicle, at)
            WHERE firing.rule_id = t.rule AND firing.vehicle_id = t.vehicle AND firing.cleared_at IS NULL
            RETURNING firing.id, firing.rule_id, firing.vehicle_id
        ), last AS (
            SELECT rule_id, vehicle_id, max(id) AS id FROM ended GROUP BY rule_id, vehicle_id
        )
        SELECT last.rule_id, last.vehicle_id, last.id,
               (SELECT coalesce(max(index), -1) FROM rules_firingaction WHERE firing_id = last.id)
        FROM last ORDER BY last.id
    """
    rules, vehicles = zip(*outcome.ended, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(query, [list(rules), list(vehicles), [time_of(at) for at in outcome.ended.values()]])
        rows = cursor.fetchall()
    return [
        action
        for rule, vehicle, firing, index in rows
        if (rule, vehicle) in outcome.owing
        for action in _completions(outcome.rules[rule], Firing(pk=firing), index + 1)
    ]
