"""Chunks of a staged file into the database: one call, one chunk, within the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from customer_management.bulk import merge_customers
from feed_processor.convert import Fault
from feed_processor.source import Load
from feed_processor.stage import TABLES
from task_management.bulk import merge_tasks
from vehicle_management import staged
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.recording import StatusRow, record_statuses


@dataclass
class Outcomes:
    """What became of a chunk's rows: ``merged`` tells ``{row: (letter, primary key or 0)}``.

    Rows that were settled before, and those that changed nothing, are not among them. ``changes`` tells
    ``{row: (primary key, {field: [before, after]})}`` of rows whose objects keep no history of their own
    (customers and tasks).
    """

    merged: dict[int, tuple[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    changes: dict[int, tuple[int, dict[str, list[Any]]]] = field(default_factory=dict)


# A letter and an object for each row of the chunk, in the order of their numbers.
OUTCOME_ARRAYS = """
    SELECT array_agg(m.row ORDER BY m.seq) AS rows,
           string_agg(COALESCE(m.outcome, done.letter, '='), '' ORDER BY m.seq) AS outcomes,
           array_agg(COALESCE(done.pk, m.target, 0) ORDER BY m.seq) AS object_ids
    FROM {table}_matched m
    LEFT JOIN unnest(%(rows)s::int[], string_to_array(%(letters)s, NULL), %(pks)s::bigint[])
        AS done (row, letter, pk) ON done.row = m.row
    WHERE m.seq BETWEEN %(first)s AND %(last)s"""


def outcome_arrays(load: Load, outcomes: Outcomes) -> tuple[str, dict[str, str]]:
    """SQL for ``(rows, outcomes, object_ids)`` of the chunk ``first`` to ``last``, and its parameters."""
    params = {
        "rows": staged.array_text(outcomes.merged),
        "letters": "".join(letter for letter, _pk in outcomes.merged.values()),
        "pks": staged.array_text(pk for _letter, pk in outcomes.merged.values()),
    }
    return OUTCOME_ARRAYS.format(table=load.table), params


def apply_chunk(load: Load, first_seq: int, last_seq: int) -> Outcomes:
    """Merge the rows ``first_seq`` to ``last_seq`` and tell their outcomes.

    Raises IntegrityError where another import took an id of this chunk after the rows were matched.
    """
    return MERGES[load.kind](load, first_seq, last_seq)


def _rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _merge_vehicles(load: Load, first: int, last: int) -> Outcomes:
    merged = staged.merge(load.source(), first, last)
    created = {row: ("c", pk) for row, pk in merged.created.items()}
    return Outcomes(created | {row: ("u", pk) for row, pk in merged.updated.items()})


def _payload(load: Load, first: int, last: int) -> list[dict[str, Any]]:
    """The chunk's unsettled rows as dicts of what they fill, with ``row``, ``target`` and ``cleared``."""
    names = list(TABLES[load.kind])
    listed = ", ".join(f"s.{name}" for name in names)
    found = _rows(
        f"""SELECT {listed}, m.target FROM {load.table} s JOIN {load.table}_matched m USING (seq)
            WHERE s.seq BETWEEN %s AND %s AND m.outcome IS NULL ORDER BY s.seq""",
        [first, last],
    )
    items = [dict(zip((*names, "target"), values, strict=True)) for values in found]
    for item in items:
        # Django leaves the jsonb of plain queries as text.
        if isinstance(item.get("attributes"), str):
            item["attributes"] = orjson.loads(item["attributes"])
    return items


def _merge_statuses(load: Load, first: int, last: int) -> Outcomes:
    rows = [_status_row(item) for item in _payload(load, first, last)]
    changed = record_statuses(rows, cause=load.cause.data, received_at=load.received_at)
    told = zip(rows, changed, strict=True)
    return Outcomes({row.row: ("u", row.vehicle) for row, did in told if did and row.row is not None})


def _status_row(item: Mapping[str, Any]) -> StatusRow:
    values = {name: item[name] for name in STATUS_ATTRIBUTES if item[name] is not None}
    values |= item["attributes"] or {}
    values |= dict.fromkeys(item["cleared"] or ())
    values.pop("at", None)
    return StatusRow(item["vehicle"], values, item["at"], item["row"])


def _merge_customers(load: Load, first: int, last: int) -> Outcomes:
    return _told(merge_customers(_payload(load, first, last), by=load.actor, cause=load.cause))


def _merge_tasks(load: Load, first: int, last: int) -> Outcomes:
    return _told(merge_tasks(_payload(load, first, last), by=load.actor, cause=load.cause))


def _told(merged: Sequence[Any]) -> Outcomes:
    return Outcomes(
        {result.row: (result.outcome, result.pk or 0) for result in merged},
        [
            Fault(result.row, result.column, result.value, result.code, result.message)
            for result in merged
            if result.outcome == "f"
        ],
        {result.row: (result.pk, result.changes) for result in merged if result.outcome == "u"},
    )


MERGES = {
    "vehicles": _merge_vehicles,
    "statuses": _merge_statuses,
    "customers": _merge_customers,
    "tasks": _merge_tasks,
}


def drop_tables(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}, {table}_matched")


def staged_rows(table: str) -> int | None:
    """How many rows are staged and matched; None where the tables are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{table}_matched"])
        if cursor.fetchone()[0] is None:
            return None
        cursor.execute(f"SELECT count(*) FROM {table}_matched")
        return int(cursor.fetchone()[0])
