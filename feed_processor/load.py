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
    """What became of a chunk's rows, in their order: a letter each, and the object's primary key or 0.

    ``changes`` tells ``{row: (primary key, {field: [before, after]})}`` of rows whose objects keep no
    history of their own (customers and tasks).
    """

    rows: list[int] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    object_ids: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    changes: dict[int, tuple[int, dict[str, list[Any]]]] = field(default_factory=dict)

    def count(self, letter: str) -> int:
        return self.letters.count(letter)


def apply_chunk(load: Load, first_seq: int, last_seq: int) -> Outcomes:
    """Merge the rows ``first_seq`` to ``last_seq`` and tell each row's outcome.

    Raises IntegrityError where another import took an id of this chunk after the rows were matched.
    """
    letters: dict[int, str] = {}
    objects: dict[int, int] = {}
    outcomes = Outcomes()
    MERGES[load.kind](load, first_seq, last_seq, letters, objects, outcomes)
    for row, settled, target in _matched(load, first_seq, last_seq):
        outcomes.rows.append(row)
        outcomes.letters.append(settled or letters.get(row, "="))
        outcomes.object_ids.append(objects.get(row, target or 0))
    return outcomes


def _matched(load: Load, first_seq: int, last_seq: int) -> list[tuple[int, str | None, int | None]]:
    return _rows(
        f"SELECT row, outcome, target FROM {load.table}_matched WHERE seq BETWEEN %s AND %s ORDER BY seq",
        [first_seq, last_seq],
    )


def _rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _merge_vehicles(
    load: Load, first: int, last: int, letters: dict[int, str], objects: dict[int, int], outcomes: Outcomes
) -> None:
    merged = staged.merge(load.source(), first, last)
    objects.update({**merged.known, **merged.created})
    letters.update(dict.fromkeys(merged.created, "c") | dict.fromkeys(merged.updated, "u"))


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


def _merge_statuses(
    load: Load, first: int, last: int, letters: dict[int, str], objects: dict[int, int], outcomes: Outcomes
) -> None:
    rows = [_status_row(item) for item in _payload(load, first, last)]
    changed = record_statuses(rows, cause=load.cause.data, received_at=load.received_at)
    letters.update(
        {row.row: "u" for row, did in zip(rows, changed, strict=True) if did and row.row is not None}
    )


def _status_row(item: Mapping[str, Any]) -> StatusRow:
    values = {name: item[name] for name in STATUS_ATTRIBUTES if item[name] is not None}
    values |= item["attributes"] or {}
    values |= dict.fromkeys(item["cleared"] or ())
    values.pop("at", None)
    return StatusRow(item["vehicle"], values, item["at"], item["row"])


def _merge_customers(
    load: Load, first: int, last: int, letters: dict[int, str], objects: dict[int, int], outcomes: Outcomes
) -> None:
    rows = _payload(load, first, last)
    _take(merge_customers(rows, by=load.actor, cause=load.cause), letters, objects, outcomes)


def _merge_tasks(
    load: Load, first: int, last: int, letters: dict[int, str], objects: dict[int, int], outcomes: Outcomes
) -> None:
    rows = _payload(load, first, last)
    _take(merge_tasks(rows, by=load.actor, cause=load.cause), letters, objects, outcomes)


def _take(
    merged: Sequence[Any], letters: dict[int, str], objects: dict[int, int], outcomes: Outcomes
) -> None:
    for result in merged:
        letters[result.row] = result.outcome
        if result.pk:
            objects[result.row] = result.pk
        if result.outcome == "u":
            outcomes.changes[result.row] = (result.pk, result.changes)
        if result.outcome == "f":
            outcomes.faults.append(
                Fault(result.row, result.column, result.value, result.code, result.message)
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
