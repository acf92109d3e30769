"""What rules go by that is no value of a vehicle: its tasks."""

from collections.abc import Iterable

from django.db import connection

from rules.moments import ms_of


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


def last_services(rules: list[int], vehicles: Iterable[int]) -> dict[tuple[int, int], int]:
    """By rule and vehicle, when (milliseconds) the last task that the rule made for the vehicle was completed."""
    if not rules:
        return {}
    query = """
        SELECT firing.rule_id, firing.vehicle_id, max(task.completed_at)
        FROM rules_firing firing
        JOIN rules_firingaction action ON action.firing_id = firing.id AND action.type = 'create_task'
        JOIN task_management_task task ON task.id = action.task_id AND task.status = 'complete'
        WHERE firing.rule_id = ANY(%s) AND firing.vehicle_id = ANY(%s)
        GROUP BY firing.rule_id, firing.vehicle_id
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [rules, list(vehicles)])
        return {(rule, vehicle): ms_of(at) or 0 for rule, vehicle, at in cursor.fetchall()}
