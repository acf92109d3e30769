"""The door for files: many vehicles at once, from a staging table, in a few statements.

The table ``staging`` has a row per row of the file (columns as in ``COLUMNS``), ``matched`` says per
``seq`` which vehicle it is (``target``, null for a new one) and whether it is settled already
(``outcome``). Both are made by the loader; only rows without an outcome are merged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Cause
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.changes import RECORDED_AT_FIELD, ring
from vehicle_management.models import LANES
from vehicle_management.recording import StatusRow, record_statuses

MAIN = {
    "vin": "text",
    "plate": "text",
    "make": "text",
    "model": "text",
    "model_year": "smallint",
    "vehicle_type": "text",
    "fuel_type": "text",
    "color": "text",
    "in_service_date": "date",
    "notes": "text",
    "fleet": "bigint",
    "customer": "bigint",
}
STATUS = {name: "text" if name == "status" else "double precision" for name in STATUS_ATTRIBUTES}
COLUMNS = {
    "seq": "integer",
    "row": "integer",
    "vehicle_id": "text",
    **MAIN,
    "attributes": "jsonb",
    "cleared": "text[]",
    "at": "timestamptz",
    **STATUS,
}
VEHICLE, STATUS_TABLE = "vehicle_management_vehicle", "vehicle_management_vehiclestatus"


@dataclass(frozen=True)
class Staged:
    """A file's rows in the database, and which of the columns the file fills."""

    staging: str
    matched: str
    fields: Sequence[str]
    attributes: Sequence[str]
    statuses: Sequence[str]
    cause: Cause
    default_fleet: int | None
    received_at: datetime


@dataclass
class Merged:
    """Primary keys by the file's row."""

    created: dict[int, int] = field(default_factory=dict)
    updated: dict[int, int] = field(default_factory=dict)


def merge(staged: Staged, first_seq: int, last_seq: int) -> Merged:
    """Create and update the vehicles of one chunk, within the caller's transaction.

    Raises IntegrityError where an id or a VIN was taken meanwhile: match again, then retry.
    """
    span = {"first": first_seq, "last": last_seq}
    merged = Merged()
    new, known = _counts(staged, span)
    if new:
        merged.created = dict(_create(staged, span))
        _create_statuses(staged, span, merged.created)
    if known:
        merged.updated = dict(_update(staged, span))
        merged.updated.update(_update_statuses(staged, span))
    touched = {*merged.created.values(), *merged.updated.values()}
    ring({pk % LANES for pk in touched})
    return merged


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def array_text(numbers: Iterable[int]) -> str:
    """An array as PostgreSQL reads it: quicker for tens of thousands than a parameter of its own."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _chunk(staged: Staged, *, new: bool) -> str:
    return (
        f"FROM {staged.staging} s JOIN {staged.matched} m USING (seq)"
        f" WHERE s.seq BETWEEN %(first)s AND %(last)s AND m.outcome IS NULL"
        f" AND m.target IS {'' if new else 'NOT '}NULL"
    )


def _counts(staged: Staged, span: dict[str, Any]) -> tuple[int, int]:
    """How many rows are to be merged into new vehicles, and how many into known ones."""
    sql = f"""SELECT count(*) FILTER (WHERE target IS NULL), count(target) FROM {staged.matched}
              WHERE seq BETWEEN %(first)s AND %(last)s AND outcome IS NULL"""
    return _rows(sql, span)[0]


def _column(name: str) -> str:
    return f"{name}_id" if name in ("fleet", "customer") else name


def _batch_fields(staged: Staged) -> list[str]:
    return [*staged.fields, *(f"attributes.{name}" for name in staged.attributes)]


def _values(staged: Staged, of: str, params: dict[str, Any]) -> list[str]:
    """SQL for the values of ``_batch_fields`` on the row alias ``of``."""
    values = [f"{of}.{_column(name)}" for name in staged.fields]
    for index, name in enumerate(staged.attributes):
        params[f"attribute_{index}"] = name
        values.append(f"{of}.attributes -> %(attribute_{index})s")
    return values


def _create(staged: Staged, span: dict[str, Any]) -> list[tuple[int, int]]:
    """``(row, primary key)`` of new vehicles."""
    names = [name for name in staged.fields if name not in ("fleet", "vehicle_id")]
    columns = ", ".join(_column(name) for name in names)
    values = ", ".join(f"s.{name}" for name in names)
    comma = ", " if names else ""
    fields = ["vehicle_id", "fleet", *names, *(f"attributes.{name}" for name in staged.attributes)]
    params = {**span, "cause": staged.cause.pk, "fleet": staged.default_fleet, "fields": fields}
    sql = f"""
        WITH made AS (
            INSERT INTO {VEHICLE} (vehicle_id, fleet_id{comma}{columns}, attributes, cause_id, cause_row,
                                   version, created_at, updated_at)
            SELECT COALESCE(s.vehicle_id, s.vin, s.plate), COALESCE(s.fleet, %(fleet)s::bigint){comma}{values},
                   COALESCE(s.attributes, '{{}}'), %(cause)s, s.row, 1, now(), now()
            {_chunk(staged, new=True)}
            ORDER BY s.seq
            RETURNING id, cause_row
        ), batches AS (
            INSERT INTO vehicle_management_changebatch (lane, cause_id, fields, vehicles, rows, created_at)
            SELECT id %% {LANES}, %(cause)s, %(fields)s, array_agg(id ORDER BY id), array_agg(cause_row ORDER BY id),
                   clock_timestamp()
            FROM made GROUP BY id %% {LANES}
        )
        SELECT cause_row, id FROM made"""
    return _rows(sql, params)


def says_something_new(staged: Staged) -> str:
    """SQL over staging ``s``, vehicle ``v`` and its status ``t``: whether the row changes anything at all."""
    statuses = [f"(s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM t.{name})" for name in staged.statuses]
    return " OR ".join([_differs(staged), *statuses])


def _differs(staged: Staged) -> str:
    """SQL that is true where a row says something else than the vehicle has."""
    tests = [
        f"(s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM v.{_column(name)})" for name in _own(staged)
    ]
    if staged.attributes:
        tests.append("(v.attributes || COALESCE(s.attributes, '{}')) IS DISTINCT FROM v.attributes")
    clears = [f"('{name}' = ANY(s.cleared) AND v.{_column(name)} IS NOT NULL)" for name in _own(staged)]
    clears.append("v.attributes ?| s.cleared")
    tests.append(f"(s.cleared IS NOT NULL AND ({' OR '.join(clears)}))")
    return "(" + " OR ".join(tests) + ")"


def _own(staged: Staged) -> list[str]:
    return [name for name in staged.fields if name != "vehicle_id"]


def _update(staged: Staged, span: dict[str, Any]) -> list[tuple[int, int]]:
    """``(row, primary key)`` of vehicles that changed. Unchanged ones are neither locked nor written."""
    differing = f"JOIN {VEHICLE} v ON v.id = m.target"
    chunk = _chunk(staged, new=False).replace("WHERE", f"{differing} WHERE") + f" AND {_differs(staged)}"
    locked = _rows(f"SELECT v.id {chunk} ORDER BY v.id FOR NO KEY UPDATE OF v", span)
    return _write_differing(staged, span) if locked else []


def _write_differing(staged: Staged, span: dict[str, Any]) -> list[tuple[int, int]]:
    params: dict[str, Any] = {**span, "cause": staged.cause.pk, "fields": _batch_fields(staged)}
    sets = [
        f"{_column(name)} = CASE WHEN '{name}' = ANY(s.cleared) THEN NULL"
        f" ELSE COALESCE(s.{name}, v.{_column(name)}) END"
        for name in _own(staged)
    ]
    sets.append("attributes = (v.attributes || COALESCE(s.attributes, '{}')) - COALESCE(s.cleared, '{}')")
    before, after = _values(staged, "c.before", params), _values(staged, "c.after", params)
    before = [value.replace("c.before.", "(c.before).") for value in before]
    after = [value.replace("c.after.", "(c.after).") for value in after]
    pairs = " || ".join(
        f"CASE WHEN {old} IS DISTINCT FROM {new}"
        f" THEN jsonb_build_object('{_quoted(name)}', jsonb_build_array({old}, {new}))"
        " ELSE '{}' END"
        for name, old, new in zip(_batch_fields(staged), before, after, strict=True)
    )
    sql = f"""
        WITH c AS (
            UPDATE {VEHICLE} v SET {", ".join(sets)}, version = v.version + 1, updated_at = now()
            FROM (SELECT s.*, m.target {_chunk(staged, new=False)}) s
            WHERE v.id = s.target AND {_differs(staged)}
            RETURNING v.id, s.row AS row, old AS before, new AS after
        ), history AS (
            INSERT INTO vehicle_management_vehiclechange (vehicle_id, at, cause_id, cause_row, changes)
            SELECT c.id, now(), %(cause)s, c.row, {pairs} FROM c ORDER BY c.row
        ), batches AS (
            INSERT INTO vehicle_management_changebatch (lane, cause_id, fields, vehicles, rows, old, new, created_at)
            SELECT c.id %% {LANES}, %(cause)s, %(fields)s,
                   array_agg(c.id ORDER BY c.id), array_agg(c.row ORDER BY c.id),
                   json_agg(json_build_array({", ".join(before)}) ORDER BY c.id),
                   json_agg(json_build_array({", ".join(after)}) ORDER BY c.id), clock_timestamp()
            FROM c GROUP BY c.id %% {LANES}
        )
        SELECT c.row, c.id FROM c"""
    return _rows(sql, params)


def _quoted(name: str) -> str:
    return name.replace("'", "''").replace("%", "%%")


def _create_statuses(staged: Staged, span: dict[str, Any], created: dict[int, int]) -> None:
    """A new vehicle's first status: nothing is known to compare it with."""
    if not staged.statuses:
        return
    columns = ", ".join(staged.statuses)
    filled = " OR ".join(f"s.{name} IS NOT NULL" for name in staged.statuses)
    params = {
        **span,
        "rows": array_text(created.keys()),
        "pks": array_text(created.values()),
        "cause": staged.cause.pk,
        "received_at": staged.received_at,
        "fields": [*(f"status.{name}" for name in staged.statuses), RECORDED_AT_FIELD],
    }
    sql = f"""
        WITH made AS (
            INSERT INTO {STATUS_TABLE} (vehicle_id, recorded_at, attributes, times, {columns})
            SELECT c.pk, COALESCE(s.at, %(received_at)s), '{{}}', '{{}}', {columns}
            FROM unnest(%(rows)s::int[], %(pks)s::bigint[]) AS c (row, pk)
            JOIN {staged.staging} s ON s.row = c.row AND s.seq BETWEEN %(first)s AND %(last)s
            WHERE {filled}
            RETURNING vehicle_id, recorded_at
        )
        INSERT INTO vehicle_management_changebatch (lane, cause_id, fields, vehicles, rows, times, created_at)
        SELECT made.vehicle_id %% {LANES}, %(cause)s, %(fields)s, array_agg(made.vehicle_id ORDER BY made.vehicle_id),
               array_agg(c.row ORDER BY made.vehicle_id), array_agg(made.recorded_at ORDER BY made.vehicle_id),
               clock_timestamp()
        FROM made JOIN unnest(%(rows)s::int[], %(pks)s::bigint[]) AS c (row, pk) ON c.pk = made.vehicle_id
        GROUP BY made.vehicle_id %% {LANES}"""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _update_statuses(staged: Staged, span: dict[str, Any]) -> dict[int, int]:
    rows = _status_rows(staged, span) if staged.statuses else []
    changed = record_statuses(rows, cause=staged.cause.data, received_at=staged.received_at)
    told = zip(rows, changed, strict=True)
    return {row.row: row.vehicle for row, did_change in told if did_change and row.row is not None}


def _status_rows(staged: Staged, span: dict[str, Any]) -> list[StatusRow]:
    """The status values of known vehicles that say something else than is known."""
    names = list(staged.statuses)
    differs = " OR ".join(f"(s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM t.{name})" for name in names)
    listed = ", ".join(f"s.{name}" for name in names)
    join = f"LEFT JOIN {STATUS_TABLE} t ON t.vehicle_id = m.target WHERE"
    chunk = _chunk(staged, new=False).replace("WHERE", join)
    found = _rows(f"SELECT m.target, s.row, s.at, {listed} {chunk} AND ({differs})", span)
    return [
        StatusRow(target, {n: v for n, v in zip(names, values, strict=True) if v is not None}, at, row)
        for target, row, at, *values in found
    ]
