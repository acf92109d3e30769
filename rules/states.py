"""Rows of RuleState and RuleScan, read and written by the thousand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import connection

from rules.models import RuleScan


def load_true(vehicles: Iterable[int], epochs: Mapping[int, int] | None) -> dict[int, set[int]]:
    """By rule, those of ``vehicles`` for which it is true; ``epochs`` None: of any rule and epoch."""
    query = "SELECT rule_id, vehicle_id, epoch FROM rules_rulestate WHERE vehicle_id = ANY(%s)"
    found: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles)])
        for rule, vehicle, epoch in cursor:
            if epochs is None or epochs.get(rule) == epoch:
                found[rule].add(vehicle)
    return found


def vehicles_of_open_tasks(rules: list[int], vehicles: Iterable[int]) -> dict[int, frozenset[int]]:
    """By rule, those of ``vehicles`` on which it has an open task."""
    if not rules:
        return {}
    query = """
        SELECT held.rule_id, array_agg(task.vehicle_id) FROM rules_rule_tasks held
        JOIN task_management_task task ON task.id = held.task_id
        WHERE held.rule_id = ANY(%s) AND task.vehicle_id = ANY(%s)
          AND task.status = 'created' AND task.deleted_at IS NULL
        GROUP BY held.rule_id
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [rules, list(vehicles)])
        return {rule: frozenset(found) for rule, found in cursor.fetchall()}


def store_moves(moves: Mapping[tuple[int, int], bool], epochs: Mapping[int, int]) -> None:
    """Write what became true and forget what did not stay so."""
    true = sorted(key for key, is_true in moves.items() if is_true)
    false = [key for key, is_true in moves.items() if not is_true]
    with connection.cursor() as cursor:
        if false:
            _forget(cursor, false)
        if true:
            _remember(cursor, true, epochs)


def _remember(cursor: object, keys: list[tuple[int, int]], epochs: Mapping[int, int]) -> None:
    # A row of an earlier epoch counts for nothing and is taken over.
    query = """
        INSERT INTO rules_rulestate (vehicle_id, rule_id, epoch, since, is_true, attentive)
        SELECT vehicle, rule, epoch, now(), TRUE, FALSE
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS t(vehicle, rule, epoch)
        ON CONFLICT (rule_id, vehicle_id) DO UPDATE SET epoch = EXCLUDED.epoch, since = EXCLUDED.since
    """
    vehicles, rules = [pk for pk, _ in keys], [rule for _, rule in keys]
    cursor.execute(query, [vehicles, rules, [epochs[rule] for rule in rules]])  # type: ignore[attr-defined]


def _forget(cursor: object, keys: list[tuple[int, int]]) -> None:
    query = """
        DELETE FROM rules_rulestate state USING unnest(%s::bigint[], %s::bigint[]) AS t(vehicle, rule)
        WHERE state.vehicle_id = t.vehicle AND state.rule_id = t.rule
    """
    cursor.execute(query, [[pk for pk, _ in keys], [rule for _, rule in keys]])  # type: ignore[attr-defined]


def cursors_of(lane: int, epochs: Mapping[int, int]) -> dict[int, int]:
    """By rule that still scans this lane, the vehicle that its scan has come to."""
    scans = RuleScan.objects.filter(lane=lane).values_list("rule_id", "epoch", "after_vehicle")
    return {rule: after for rule, epoch, after in scans if epochs.get(rule) == epoch}


def begin_scans(rules: Mapping[int, int], lanes: Iterable[int]) -> None:
    """From the first vehicle of every lane; ``rules`` maps each rule to its epoch."""
    scans = [
        RuleScan(rule_id=rule, lane=lane, epoch=epoch) for rule, epoch in rules.items() for lane in lanes
    ]
    RuleScan.objects.bulk_create(
        scans,
        update_conflicts=True,
        unique_fields=["rule", "lane"],
        update_fields=["epoch", "after_vehicle"],
    )


def drop_stale_states(most: int = 50_000) -> int:
    """States of rules that are disabled, deleted or have begun anew: they count for nothing."""
    query = """
        DELETE FROM rules_rulestate WHERE id IN (
            SELECT state.id FROM rules_rulestate state JOIN rules_rule rule ON rule.id = state.rule_id
            WHERE NOT rule.enabled OR rule.deleted_at IS NOT NULL OR rule.epoch <> state.epoch
            LIMIT %s FOR UPDATE OF state SKIP LOCKED)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [most])
        return cursor.rowcount
