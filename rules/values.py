"""What is known of vehicles, by the names that change batches use."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.db import connection

from vehicle_management.attributes import RECORDED_AT, STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES

ALWAYS = {"fleet": "v.fleet_id", "customer": "v.customer_id", "deleted_at": "v.deleted_at"}
_COLUMNS = {
    **{name: f"v.{name}" for name in VEHICLE_ATTRIBUTES},
    **{f"status.{name}": f"s.{name}" for name in STATUS_ATTRIBUTES},
    "recorded_at": """to_char(s.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "in_service_date": "v.in_service_date::text",
}
_STATUS_COLUMNS = (*(f"status.{name}" for name in STATUS_ATTRIBUTES), RECORDED_AT.name)
_HOMES = {"status": "s", "attributes": "v"}
_TABLES = {
    False: "vehicle_management_vehicle v",
    True: "vehicle_management_vehicle v LEFT JOIN vehicle_management_vehiclestatus s ON s.vehicle_id = v.id",
}

_TEXTS = """
    SELECT v.id, v.attributes, s.attributes, c.name, f.fleet_id, {}
    FROM vehicle_management_vehicle v
    LEFT JOIN vehicle_management_vehiclestatus s ON s.vehicle_id = v.id
    LEFT JOIN customer_management_customer c ON c.id = v.customer_id
    LEFT JOIN accounts_fleet f ON f.id = v.fleet_id
    WHERE v.id = ANY(%s)
"""


def load_values(
    pks: Iterable[int], keys: Iterable[str], fleet_ids: Mapping[int, str]
) -> dict[int, dict[str, Any]]:
    """The current values of ``keys``, and whatever a scope needs, of each vehicle that there is."""
    plain = {**ALWAYS, **{key: _COLUMNS[key] for key in keys if key in _COLUMNS}}
    others = sorted(key for key in keys if key not in plain and key != "fleet_id")
    homes = [key.partition(".") for key in others]
    columns = [*plain.values(), *(f"{_HOMES[home]}.attributes -> %s::text" for home, _, _ in homes)]
    tables = _TABLES[any(key.startswith("status.") or key == RECORDED_AT.name for key in (*plain, *others))]
    names = [*plain, *others]
    with connection.cursor() as cursor:
        # Columns and tables are ours; what others named is a parameter.
        query = f"SELECT v.id, {', '.join(columns)} FROM {tables} WHERE v.id = ANY(%s)"  # noqa: S608
        cursor.execute(query, [*(name for _, _, name in homes), list(pks)])
        found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor}
    for values in found.values() if others else ():
        for name in others:
            if values[name] is not None:
                values[name] = orjson.loads(values[name])
    if "fleet_id" in keys:
        for values in found.values():
            values["fleet_id"] = fleet_ids.get(values["fleet"])
    return found


def load_texts(pks: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Everything that a text may name, by its plain name."""
    status = [_COLUMNS[name] for name in _STATUS_COLUMNS]
    main = [_COLUMNS[name] for name in VEHICLE_ATTRIBUTES]
    query = _TEXTS.format(", ".join([*main, *status]))
    with connection.cursor() as cursor:
        cursor.execute(query, [list(pks)])
        return {row[0]: _texts(row) for row in cursor.fetchall()}


def _texts(row: tuple[Any, ...]) -> dict[str, Any]:
    _pk, of_vehicle, of_status, customer, fleet_id, *known = row
    names = [*VEHICLE_ATTRIBUTES, *STATUS_ATTRIBUTES, RECORDED_AT.name]
    return {
        **orjson.loads(of_vehicle or "{}"),
        **orjson.loads(of_status or "{}"),
        **dict(zip(names, known, strict=True)),
        "customer": customer,
        "fleet_id": fleet_id,
    }
