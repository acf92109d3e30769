"""The attributes that we know by name: their kinds, units and limits."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Attribute:
    """``kind`` is number, text, boolean, time or date; ``least`` and ``most`` bound numbers, ``choices`` texts."""

    name: str
    kind: str
    label: str | Promise
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    max_length: int | None = None


def _table(*attributes: Attribute) -> dict[str, Attribute]:
    return {attribute.name: attribute for attribute in attributes}


STATUSES = ("IDLE", "MOVING", "ALERT", "LOW_BATTERY", "OFFLINE", "STOPPED")

# In the order in which the columns of VehicleStatus stand.
STATUS_ATTRIBUTES = _table(
    Attribute("latitude", "number", _("latitude"), "°", -90, 90),
    Attribute("longitude", "number", _("longitude"), "°", -180, 180),
    Attribute("speed_kmh", "number", _("speed"), "km/h", 0, 1_000),
    Attribute("heading_deg", "number", _("heading"), "°", 0, 360),
    Attribute("odometer_km", "number", _("odometer"), "km", 0, 100_000_000),
    Attribute("battery_pct", "number", _("battery"), "%", 0, 100),
    Attribute("fuel_pct", "number", _("fuel level"), "%", 0, 100),
    Attribute("engine_temp_c", "number", _("engine temperature"), "°C", -100, 1_000),
    Attribute("load_pct", "number", _("load"), "%", 0, 1_000),
    Attribute("status", "text", _("status"), choices=STATUSES),
)

# When the newest of them was so: rules may ask for it, nobody sets it by itself.
RECORDED_AT = Attribute("recorded_at", "time", _("last report"))

VEHICLE_ATTRIBUTES = _table(
    Attribute("vehicle_id", "text", _("vehicle id"), max_length=64),
    Attribute("vin", "text", _("VIN"), max_length=64),
    Attribute("plate", "text", _("plate"), max_length=32),
    Attribute("make", "text", _("make"), max_length=100),
    Attribute("model", "text", _("model"), max_length=100),
    Attribute("model_year", "number", _("model year"), least=1900, most=2100),
    Attribute("vehicle_type", "text", _("type"), max_length=100),
    Attribute("fuel_type", "text", _("fuel"), max_length=50),
    Attribute("color", "text", _("color"), max_length=50),
    Attribute("in_service_date", "date", _("in service since")),
    Attribute("notes", "text", _("notes"), max_length=10_000),
)
