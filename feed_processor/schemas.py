"""What each kind of file holds: fields, their types, and the headers by which they are known."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES


@dataclass(frozen=True)
class Field:
    """``type`` names a converter of ``feed_processor.convert``; ``names`` are headers, most certain first.

    ``scaled`` maps further headers to the factor that brings their unit to ours.
    """

    name: str
    type: str
    names: tuple[str, ...] = ()
    scaled: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Schema:
    kind: str
    fields: Mapping[str, Field]
    keys: tuple[str, ...]
    """A row names its object by the first of these that it fills."""


MILES = 1.609344


def _table(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


_VEHICLE_KEYS = (
    Field(
        "vehicle_id",
        "id",
        (
            "vehicle_id",
            "vehicle_external_id",
            "equip_id",
            "equipment_id",
            "equip_no",
            "equip_number",
            "equipment_no",
            "equipment_number",
            "unit_no",
            "unit_number",
            "unit_id",
            "unit",
            "fleet_number",
            "fleet_no",
            "asset_id",
            "asset_no",
            "asset_number",
            "asset_tag",
            "vehicle_no",
            "vehicle_number",
            "vehicle_code",
            "veh_id",
            "veh_no",
            "truck_number",
            "truck_no",
            "truck_id",
            "bus_number",
            "bus_no",
            "car_number",
            "car_no",
            "vehicle",
        ),
    ),
    Field(
        "vin",
        "vin",
        (
            "vin",
            "vin_number",
            "vin_no",
            "vin_code",
            "vehicle_vin",
            "vehicle_vin_number",
            "vehicle_identification_number",
            "chassis_number",
            "chassis_no",
        ),
    ),
    Field(
        "plate",
        "plate",
        (
            "plate",
            "plate_number",
            "plate_no",
            "license_plate",
            "licence_plate",
            "license_plate_number",
            "licence_plate_number",
            "number_plate",
            "dmv_license_plate_number",
            "vehicle_plate",
            "registration_plate",
            "registration_number",
            "registration_no",
            "registration",
            "reg_no",
            "reg_number",
            "license_number",
            "licence_number",
            "license_no",
            "licence_no",
            "license",
            "licence",
            "tag_number",
        ),
    ),
)

_MAIN = (
    Field("make", "text100", ("make", "manufacturer", "brand", "vehicle_make", "make_name")),
    Field("model", "text100", ("model", "vehicle_model", "model_name")),
    Field(
        "model_year",
        "year",
        (
            "model_year",
            "year",
            "vehicle_year",
            "model_yr",
            "yr",
            "year_of_manufacture",
            "year_made",
            "manufacture_year",
        ),
    ),
    Field(
        "vehicle_type", "text100", ("vehicle_type", "type", "body_type", "vehicle_class", "category", "class")
    ),
    Field("fuel_type", "text50", ("fuel_type", "fuel", "fuel_kind")),
    Field("color", "text50", ("color", "colour", "vehicle_color", "vehicle_colour")),
    Field(
        "in_service_date",
        "date",
        ("in_service_date", "in_service_since", "in_service", "date_in_service", "service_start_date"),
    ),
    Field("notes", "notes", ("notes", "note", "comments", "comment", "remarks")),
    Field("fleet_id", "fleet", ("fleet_id", "fleet")),
    Field(
        "customer",
        "customer",
        (
            "customer",
            "customer_id",
            "customer_external_id",
            "customer_name",
            "customer_email",
            "client",
            "client_name",
        ),
    ),
)

_STATUS_NAMES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, float], ...]]] = {
    "latitude": (("latitude", "lat", "gps_lat", "gps_latitude", "position_lat"), ()),
    "longitude": (
        ("longitude", "lon", "lng", "long", "gps_lon", "gps_lng", "gps_longitude", "position_lon"),
        (),
    ),
    "speed_kmh": (("speed_kmh", "speed", "speed_kph", "speed_km_h", "gps_speed"), (("speed_mph", MILES),)),
    "heading_deg": (("heading_deg", "heading", "course", "bearing", "direction_deg"), ()),
    "odometer_km": (
        (
            "odometer_km",
            "odometer",
            "odo",
            "odo_km",
            "mileage_km",
            "kilometers",
            "kilometres",
            "km",
            "odometer_reading",
        ),
        (
            ("odometer_mi", MILES),
            ("odometer_miles", MILES),
            ("odometer_mile", MILES),
            ("mileage_miles", MILES),
            ("miles", MILES),
        ),
    ),
    "battery_pct": (
        ("battery_pct", "battery", "battery_percent", "battery_level", "soc", "state_of_charge"),
        (),
    ),
    "fuel_pct": (("fuel_pct", "fuel_level", "fuel_percent", "fuel_level_pct"), ()),
    "engine_temp_c": (
        ("engine_temp_c", "engine_temp", "engine_temperature", "coolant_temp", "coolant_temp_c"),
        (),
    ),
    "load_pct": (("load_pct", "load", "load_percent"), ()),
    "status": (("status", "vehicle_status", "state"), ()),
}

_STATUS = tuple(
    Field(name, "status" if name == "status" else f"number:{name}", *_STATUS_NAMES[name])
    for name in STATUS_ATTRIBUTES
)

_RECORDED_AT = Field(
    "recorded_at",
    "time",
    (
        "recorded_at",
        "timestamp",
        "recorded",
        "date_time",
        "datetime",
        "reading_time",
        "event_time",
        "measured_at",
        "time",
        "as_of",
        "reported_at",
    ),
)

VEHICLES = Schema(
    "vehicles", _table((*_VEHICLE_KEYS, *_MAIN, *_STATUS, _RECORDED_AT)), ("vehicle_id", "vin", "plate")
)
STATUSES = Schema(
    "statuses", _table((*_VEHICLE_KEYS, *_STATUS, _RECORDED_AT)), ("vehicle_id", "vin", "plate")
)
CUSTOMERS = Schema(
    "customers",
    _table(
        (
            Field(
                "external_id",
                "id",
                (
                    "external_id",
                    "customer_external_id",
                    "customer_id",
                    "customer_no",
                    "customer_number",
                    "account_number",
                    "account_no",
                    "account_id",
                    "client_id",
                    "id",
                ),
            ),
            Field(
                "name",
                "text200",
                (
                    "name",
                    "customer_name",
                    "customer",
                    "company",
                    "company_name",
                    "client_name",
                    "client",
                    "organisation",
                    "organization",
                    "account_name",
                ),
            ),
            Field(
                "email",
                "email",
                ("email", "e_mail", "email_address", "mail", "contact_email", "customer_email"),
            ),
            Field(
                "phone",
                "text64",
                (
                    "phone",
                    "phone_number",
                    "telephone",
                    "telephone_number",
                    "tel",
                    "mobile",
                    "contact_phone",
                    "customer_phone",
                ),
            ),
            Field(
                "address",
                "notes",
                ("address", "customer_address", "street_address", "postal_address", "full_address"),
            ),
        )
    ),
    ("external_id", "email", "name"),
)
TASKS = Schema(
    "tasks",
    _table(
        (
            Field(
                "external_id",
                "id",
                (
                    "external_id",
                    "task_external_id",
                    "task_id",
                    "task_no",
                    "task_number",
                    "work_order",
                    "work_order_no",
                    "work_order_number",
                    "wo_number",
                    "ticket",
                    "ticket_id",
                    "id",
                ),
            ),
            Field("title", "text200", ("title", "task", "task_title", "task_name", "subject", "summary")),
            Field(
                "description", "notes", ("description", "details", "task_description", "notes", "comments")
            ),
            Field("task_status", "task_status", ("status", "task_status", "state")),
            *(Field(key.name, key.type, key.names) for key in _VEHICLE_KEYS),
            Field(
                "customer",
                "customer",
                ("customer", "customer_id", "customer_external_id", "customer_name", "client"),
            ),
            Field("assignee", "email", ("assignee", "assigned_to", "assignee_email", "responsible", "owner")),
            Field("due_at", "time", ("due_at", "due", "due_date", "deadline", "due_on", "due_by")),
        )
    ),
    ("external_id",),
)

SCHEMAS: Mapping[str, Schema] = {schema.kind: schema for schema in (VEHICLES, CUSTOMERS, STATUSES, TASKS)}
MAIN_FIELDS = tuple(name for name in VEHICLE_ATTRIBUTES if name != "vehicle_id")


def normalised(header: str) -> str:
    """``License#`` is license_number, ``EquipID`` equip_id, ``Unit No.`` unit_no."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header).replace("#", " number ")
    return re.sub(r"[^0-9a-z]+", "_", spaced.lower()).strip("_")


def match_columns(headers: Sequence[str], schema: Schema) -> dict[str, str]:
    """``{header: field}`` for the headers that the schema knows; each field is taken once, surest name first."""
    by_name = {normalised(header): header for header in reversed(headers)}
    matched: dict[str, str] = {}
    for field in schema.fields.values():
        names = (*field.names, *(name for name, _factor in field.scaled))
        header = next(
            (by_name[name] for name in names if name in by_name and by_name[name] not in matched), None
        )
        if header is not None:
            matched[header] = field.name
    return matched


def factor_of(header: str, field: Field) -> float:
    return dict(field.scaled).get(normalised(header), 1.0)


def guess_kind(headers: Sequence[str]) -> str | None:
    """The kind that a file's headers speak of, None where that cannot be told."""
    found = {kind: set(match_columns(headers, schema).values()) for kind, schema in SCHEMAS.items()}
    names_vehicle = bool(found["vehicles"] & {"vehicle_id", "vin", "plate"})
    if "title" in found["tasks"] and "make" not in found["vehicles"]:
        return "tasks"
    if names_vehicle:
        describes = found["vehicles"] & {
            "make",
            "model",
            "model_year",
            "vehicle_type",
            "fuel_type",
            "color",
            "in_service_date",
            "customer",
            "fleet_id",
        }
        reports = found["statuses"] & set(STATUS_ATTRIBUTES)
        if describes or {"vin", "plate"} <= found["vehicles"]:
            return "vehicles"
        return "statuses" if reports else ("vehicles" if len(headers) > 1 else None)
    if "name" in found["customers"] and found["customers"] & {"external_id", "email", "phone", "address"}:
        return "customers"
    return None
