"""Over the whole file, before anything is written: which row means which object, and which rows repeat.

Makes the table ``<staging>_matched`` (seq, row, target, outcome): the target is the object that the row
is about, null for a new one; the outcome is set for rows that will not be merged: ``f`` faulty, ``r``
repeated, because a later row names the same object and the last one wins.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from feed_processor.convert import Fault
from feed_processor.source import Load
from vehicle_management.staged import says_something_new

VEHICLE = "vehicle_management_vehicle"
STATUS = "vehicle_management_vehiclestatus"
CUSTOMER = "customer_management_customer"
TASK = "task_management_task"

# The object that a row names, as a text that is the same for all rows that name it.
KEYS = {
    "vehicles": "COALESCE('i' || {0}.vehicle_id, 'v' || {0}.vin, 'p' || {0}.plate)",
    "statuses": "{0}.vehicle || ' ' || COALESCE({0}.at::text, '')",
    "customers": "COALESCE('i' || {0}.external_id, 'e' || {0}.email, 'n' || {0}.name)",
    "tasks": "'i' || {0}.external_id",
}


def settle(load: Load) -> Iterator[Fault]:
    """Match and settle; yields the faults and notices that only the whole file can tell."""
    table, kind = load.table, load.kind
    _run(f"DROP TABLE IF EXISTS {table}_matched")
    if kind == "statuses":
        _order_by_time(table)
    _run("SET LOCAL work_mem = '128MB'")
    _run(f"ANALYZE {table} (seq)")
    MATCHERS[kind](load)
    _run(f"ANALYZE {table}_matched")
    if kind == "vehicles":
        yield from _vehicle_faults(table, load.actor)
    yield from _repeats(kind, table)
    # Rows lie in the order of their numbers, but for statuses: there an index of blocks would not do.
    method = "btree" if kind == "statuses" else "brin"
    _run(f"CREATE INDEX ON {table} USING {method} (seq)")
    _run(f"CREATE INDEX ON {table}_matched (seq) WHERE outcome IS NULL")
    _run(f"CREATE INDEX ON {table}_matched USING brin (seq)")


def _run(sql: str, params: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _order_by_time(table: str) -> None:
    """Statuses are changes in the order of their times, wherever they stand in the file."""
    _run(f"""
        WITH ordered AS (SELECT ctid, row_number() OVER (ORDER BY at NULLS LAST, row) AS place FROM {table})
        UPDATE {table} s SET seq = ordered.place FROM ordered WHERE s.ctid = ordered.ctid""")


def _make(table: str, target: str, joins: str, empty: str, same: str = "false") -> None:
    _run(f"""
        CREATE UNLOGGED TABLE {table}_matched WITH (autovacuum_enabled = false) AS
        SELECT s.seq, s.row, {target} AS target,
               CASE WHEN {empty} THEN 'f' WHEN {same} THEN '=' END AS outcome, NULL::text AS same_as
        FROM {table} s {joins} ORDER BY s.seq""")


def _match_vehicles(load: Load) -> None:
    """By the first of id, VIN and plate that the row fills. A plate or short VIN of several is no match.

    A row that says nothing new of its vehicle is settled here: unchanged.
    """
    table, source = load.table, load.source()
    target = (
        "CASE WHEN s.vehicle_id IS NOT NULL THEN by_id.id WHEN s.vin IS NOT NULL THEN by_vin.id"
        " ELSE by_plate.id END"
    )
    joins = f"""
        LEFT JOIN {VEHICLE} by_id ON by_id.vehicle_id = s.vehicle_id AND by_id.deleted_at IS NULL
        LEFT JOIN ({_unique_by("vin", table)}) by_vin ON by_vin.vin = s.vin AND s.vehicle_id IS NULL
        LEFT JOIN ({_unique_by("plate", table)}) by_plate
            ON by_plate.plate = s.plate AND s.vehicle_id IS NULL AND s.vin IS NULL
        LEFT JOIN {VEHICLE} v ON v.id = {target}"""
    if source.statuses:
        joins += f" LEFT JOIN {STATUS} t ON t.vehicle_id = v.id"
    if not _names_by_other_keys(table):
        # Every row names its vehicle by the id: it is found and compared in one join.
        target = "v.id"
        joins = f"LEFT JOIN {VEHICLE} v ON v.vehicle_id = s.vehicle_id AND v.deleted_at IS NULL"
        joins += f" LEFT JOIN {STATUS} t ON t.vehicle_id = v.id" if source.statuses else ""
    same = f"v.id IS NOT NULL AND NOT ({says_something_new(source)})"
    _make(table, target, joins, "COALESCE(s.vehicle_id, s.vin, s.plate) IS NULL", same)


def _names_by_other_keys(table: str) -> bool:
    """Whether a row names its vehicle by VIN or plate alone."""
    return bool(
        _rows(f"SELECT FROM {table} WHERE vehicle_id IS NULL AND COALESCE(vin, plate) IS NOT NULL LIMIT 1")
    )


def _unique_by(column: str, table: str) -> str:
    return (
        f"SELECT {column}, min(id) AS id FROM {VEHICLE} WHERE deleted_at IS NULL AND {column} IS NOT NULL"
        f" AND EXISTS (SELECT FROM {table} WHERE vehicle_id IS NULL)"
        f" GROUP BY {column} HAVING count(*) = 1"
    )


def _match_statuses(load: Load) -> None:
    table = load.table
    _make(table, "s.vehicle", "", "s.vehicle IS NULL")


def _match_customers(load: Load) -> None:
    """By external id, else e-mail, else name: of the rows that have no surer key of their own."""
    table = load.table
    _make(
        table,
        "CASE WHEN s.external_id IS NOT NULL THEN by_id.id WHEN s.email IS NOT NULL THEN by_email.id"
        " ELSE by_name.id END",
        f"""LEFT JOIN {CUSTOMER} by_id ON by_id.external_id = s.external_id AND by_id.deleted_at IS NULL
            LEFT JOIN (SELECT email, min(id) AS id FROM {CUSTOMER}
                       WHERE deleted_at IS NULL AND email <> '' GROUP BY email) by_email ON by_email.email = s.email
            LEFT JOIN (SELECT name, min(id) AS id FROM {CUSTOMER} WHERE deleted_at IS NULL GROUP BY name)
                by_name ON by_name.name = s.name""",
        "COALESCE(s.external_id, s.email, s.name) IS NULL",
    )


def _match_tasks(load: Load) -> None:
    table = load.table
    _make(
        table,
        "t.id",
        f"LEFT JOIN {TASK} t ON t.external_id = s.external_id AND t.deleted_at IS NULL",
        "COALESCE(s.external_id, s.title) IS NULL",
    )


MATCHERS = {
    "vehicles": _match_vehicles,
    "statuses": _match_statuses,
    "customers": _match_customers,
    "tasks": _match_tasks,
}


def _refuse(table: str, condition: str, joins: str, shown: str, params: Any = None) -> list[tuple[int, str]]:
    """Mark rows as faulty; answers their numbers and the value to show."""
    return _rows(
        f"""UPDATE {table}_matched m SET outcome = 'f' FROM {table} s {joins}
            WHERE s.seq = m.seq AND m.outcome IS NULL AND {condition} RETURNING m.row, {shown}""",
        params,
    )


def _vehicle_faults(table: str, actor: Actor) -> Iterator[Fault]:
    yield from _invisible(table, actor)
    by_other_keys = _names_by_other_keys(table)
    if by_other_keys:
        yield from _of_several(table)
    yield from _of_another(table, "vin", "AND length(s.vin) = 17")
    yield from _of_another(table, "plate", "AND m.target IS NOT NULL")
    if by_other_keys:
        _join_by_vin(table)
        yield from _ids_of_others(table)
    yield from _vin_twice(table)


def _invisible(table: str, actor: Actor) -> Iterator[Fault]:
    if actor.is_administrator:
        return
    hidden = "v.fleet_id IS NULL OR NOT v.fleet_id = ANY(%(fleets)s)"
    found = _refuse(
        table,
        f"m.target = v.id AND ({hidden})",
        f", {VEHICLE} v",
        "COALESCE(s.vehicle_id, s.vin, s.plate)",
        {"fleets": sorted(actor.fleet_pks)},
    )
    for row, value in found:
        message = _("“%(value)s” is taken by a vehicle that you do not see; choose another id.") % {
            "value": value
        }
        yield Fault(row, "", value, "taken", message)


def _of_several(table: str) -> Iterator[Fault]:
    for column in ("vin", "plate"):
        first = "s.vehicle_id IS NULL" + (" AND s.vin IS NULL" if column == "plate" else "")
        several = (
            f", (SELECT {column} AS shared FROM {VEHICLE} WHERE deleted_at IS NULL AND {column} IS NOT NULL"
            f" GROUP BY {column} HAVING count(*) > 1) d"
        )
        for row, value in _refuse(
            table, f"m.target IS NULL AND {first} AND s.{column} = d.shared", several, f"s.{column}"
        ):
            message = _("Several vehicles have “%(value)s”; name the vehicle by its vehicle_id.") % {
                "value": value
            }
            yield Fault(row, column, value, "several", message)


def _of_another(table: str, column: str, further: str) -> Iterator[Fault]:
    """The row's VIN or plate is known, but only of other vehicles than the one that its first key names."""
    first = {"vin": "s.vehicle_id IS NOT NULL", "plate": "(s.vehicle_id IS NOT NULL OR s.vin IS NOT NULL)"}[
        column
    ]
    others = (
        f"EXISTS (SELECT FROM {VEHICLE} v WHERE v.{column} = s.{column} AND v.deleted_at IS NULL"
        f" AND v.id IS DISTINCT FROM m.target)"
    )
    own = (
        f"NOT EXISTS (SELECT FROM {VEHICLE} v WHERE v.{column} = s.{column} AND v.deleted_at IS NULL"
        f" AND v.id IS NOT DISTINCT FROM m.target)"
    )
    condition = f"s.{column} IS NOT NULL AND {first} {further} AND {others} AND {own}"
    for row, value in _refuse(table, condition, "", f"s.{column}"):
        message = _("“%(value)s” belongs to another vehicle than the row's first key names.") % {
            "value": value
        }
        yield Fault(row, column, value, "keys_differ", message)


def _join_by_vin(table: str) -> None:
    """A row with a VIN alone means the vehicle that another row of the file gives this VIN and an id."""
    _run(f"""
        UPDATE {table}_matched m SET same_as = 'i' || named.vehicle_id
        FROM {table} s, (SELECT DISTINCT ON (vin) vin, vehicle_id FROM {table}
                         WHERE vin IS NOT NULL AND vehicle_id IS NOT NULL ORDER BY vin, seq DESC) named
        WHERE s.seq = m.seq AND m.outcome IS NULL AND m.target IS NULL
          AND s.vehicle_id IS NULL AND s.vin = named.vin""")


def _ids_of_others(table: str) -> Iterator[Fault]:
    """A new vehicle without an id takes its VIN or plate for one, unless that is another vehicle's id."""
    own = "COALESCE(s.vin, s.plate)"
    taken = _refuse(
        table,
        f"m.target IS NULL AND s.vehicle_id IS NULL AND v.vehicle_id = {own} AND v.deleted_at IS NULL",
        f", {VEHICLE} v",
        own,
    )
    twice = _rows(f"""
        WITH named AS (
            SELECT s.seq, s.vehicle_id, COALESCE(s.vehicle_id, {own}) AS id, {_identity("vehicles")} AS identity
            FROM {table} s JOIN {table}_matched m USING (seq) WHERE m.outcome IS NULL AND m.target IS NULL
        ), shared AS (SELECT id FROM named GROUP BY id HAVING min(identity) <> max(identity))
        UPDATE {table}_matched m SET outcome = 'f' FROM named JOIN shared USING (id)
        WHERE m.seq = named.seq AND named.vehicle_id IS NULL RETURNING m.row, named.id""")
    for row, value in [*taken, *twice]:
        message = _(
            "“%(value)s” is the vehicle_id of another vehicle; give this one a vehicle_id of its own."
        )
        yield Fault(row, "", value, "taken", message % {"value": value})


def _vin_twice(table: str) -> Iterator[Fault]:
    """Two vehicles of one file cannot share a full VIN; the last that has it keeps it."""
    found = _rows(f"""
        WITH named AS (
            SELECT s.seq, s.row, s.vin, COALESCE('t' || m.target, {_identity("vehicles")}) AS identity
            FROM {table} s JOIN {table}_matched m USING (seq) WHERE m.outcome IS NULL AND length(s.vin) = 17
        ), shared AS (
            SELECT vin, (array_agg(identity ORDER BY seq DESC))[1] AS identity,
                   (array_agg(row ORDER BY seq DESC))[1] AS row
            FROM named GROUP BY vin HAVING min(identity) <> max(identity)
        )
        UPDATE {table}_matched m SET outcome = 'f' FROM named JOIN shared USING (vin)
        WHERE m.seq = named.seq AND named.identity <> shared.identity
        RETURNING m.row, named.vin, shared.row""")
    for row, value, other in found:
        message = _("VIN “%(vin)s” is also that of another vehicle, in row %(other)d.") % {
            "vin": value,
            "other": other,
        }
        yield Fault(row, "vin", value, "vin_twice", message)


def _identity(kind: str) -> str:
    own = KEYS[kind].format("s")
    if kind == "statuses":
        return own
    return f"COALESCE(m.same_as, {own})"


def _repeats(kind: str, table: str) -> Iterator[Fault]:
    """Rows that name an object again: the last one counts, the others are told so."""
    if kind != "statuses":
        known = _rows(f"""
            WITH last AS (
                SELECT target, max(row) AS row FROM {table}_matched
                WHERE target IS NOT NULL AND outcome IS DISTINCT FROM 'f' GROUP BY target HAVING count(*) > 1
            )
            UPDATE {table}_matched m SET outcome = 'r' FROM last
            WHERE m.target = last.target AND m.row <> last.row AND m.outcome IS DISTINCT FROM 'f'
            RETURNING m.row, last.row""")
        yield from _told_repeats(kind, known)
    untargeted = "" if kind == "statuses" else " AND m.target IS NULL"
    found = _rows(f"""
        WITH named AS MATERIALIZED (
            SELECT m.seq, m.row, {_identity(kind)} AS identity
            FROM {table}_matched m JOIN {table} s USING (seq) WHERE m.outcome IS NULL{untargeted}
        ), last AS (
            SELECT identity, max(row) AS row FROM named WHERE identity IS NOT NULL
            GROUP BY identity HAVING count(*) > 1
        )
        UPDATE {table}_matched m SET outcome = 'r' FROM named JOIN last USING (identity)
        WHERE m.seq = named.seq AND named.row <> last.row
        RETURNING m.row, last.row""")
    yield from _told_repeats(kind, found)


NAMED_AGAIN = {
    "vehicles": gettext_lazy("The same vehicle stands again in this file; its last row counts."),
    "statuses": gettext_lazy("The same vehicle and time stand again in this file; their last row counts."),
    "customers": gettext_lazy("The same customer stands again in this file; its last row counts."),
    "tasks": gettext_lazy("The same task stands again in this file; its last row counts."),
}


def _told_repeats(kind: str, found: Iterable[tuple[Any, ...]]) -> Iterator[Fault]:
    for row, last in found:
        where = _("row %(last)d counts") % {"last": last}
        yield Fault(row, "", where, "repeated", str(NAMED_AGAIN[kind]), "NOTICE")
