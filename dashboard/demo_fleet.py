"""The demo fleet's facts: 25 vans, trucks and cars of a delivery firm in Hamburg and whom they serve."""

from dataclasses import dataclass
from typing import Any

FLEET_ID = "fleet-demo-001"
FLEET_NAME = "Hamburg Delivery"
TIME_ZONE = "Europe/Berlin"
CENTRE = (53.5503, 9.9937)


@dataclass(frozen=True)
class Make:
    """``begin`` opens the VIN; ``is_electric`` decides between battery and fuel."""

    make: str
    model: str
    kind: str
    fuel: str
    begin: str

    @property
    def is_electric(self) -> bool:
        return self.fuel == "Electric"


MAKES = (
    Make("Ford", "E-Transit 350", "Van", "Electric", "WF0EXXTT"),
    Make("Mercedes-Benz", "Sprinter 316", "Van", "Diesel", "W1V90763"),
    Make("Volkswagen", "ID. Buzz Cargo", "Van", "Electric", "WV1ZZZEB"),
    Make("Iveco", "Daily 35S", "Van", "Diesel", "ZCFC035B"),
    Make("MAN", "TGL 12.250", "Truck", "Diesel", "WMAN05ZZ"),
    Make("Renault", "Kangoo E-Tech", "Car-derived van", "Electric", "VF1FW1ZB"),
)
COLORS = ("white", "silver", "blue", "white", "yellow")
# Of each vehicle in turn: what it says, its speed, how long ago it said so (seconds).
MOMENTS: tuple[tuple[str | None, float, int], ...] = (
    ("MOVING", 47, 8),
    ("MOVING", 31, 12),
    ("IDLE", 0, 20),
    ("MOVING", 52, 5),
    ("STOPPED", 0, 75),
    ("MOVING", 28, 17),
    ("ALERT", 12, 31),
    ("MOVING", 63, 9),
    (None, 38, 14),
    ("LOW_BATTERY", 0, 41),
    ("MOVING", 44, 6),
    ("IDLE", 0, 52),
    ("MOVING", 57, 11),
    ("STOPPED", 0, 160),
    ("OFFLINE", 0, 9_400),
)

CUSTOMERS: tuple[dict[str, Any], ...] = (
    {
        "external_id": "C-1001",
        "name": "Alster Pharma",
        "email": "dispatch@alster-pharma.example",
        "phone": "+49 40 555 0101",
        "address": "Neuer Wall 80\n20354 Hamburg",
    },
    {
        "external_id": "C-1002",
        "name": "Elbe Fresh Foods",
        "email": "logistics@elbe-fresh.example",
        "phone": "+49 40 555 0142",
        "address": "Großmarktstraße 5\n20097 Hamburg",
    },
    {
        "external_id": "C-1003",
        "name": "Hansa Parcel",
        "email": "operations@hansa-parcel.example",
        "phone": "+49 40 555 0177",
        "address": "Billhorner Deich 12\n20539 Hamburg",
    },
    {
        "external_id": "C-1004",
        "name": "Speicherstadt Books",
        "email": "orders@speicherstadt-books.example",
        "phone": "+49 40 555 0119",
        "address": "Brook 2\n20457 Hamburg",
    },
)

# Title, number of the vehicle, days until it is due, e-mail of the assignee, whether it is done.
TASKS: tuple[tuple[str, int, float, str | None, bool], ...] = (
    ("Replace the front brake pads", 4, -1.2, "operator@fleet.example", False),
    ("Fit winter tyres", 2, -0.1, None, False),
    ("Inspect the tail lift", 5, 0.3, "operator@fleet.example", False),
    ("Renew the first-aid kit", 8, 2, "operator@fleet.example", False),
    ("Main inspection (TÜV)", 11, 9, "manager@fleet.example", False),
    ("Clean the cargo bay", 3, -3, "operator@fleet.example", True),
)

SCOPE = {"fleets": [FLEET_ID]}
RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "Service due",
        "description": "Every vehicle is serviced when it passes 120,000 km.",
        "scope": SCOPE,
        "pattern": {"field": "odometer_km", "operator": "ge", "value": 120_000},
        "actions": [
            {
                "type": "create_task",
                "title": "Service $plate at $odometer_km km",
                "description": "Book the workshop for $vehicle_id.",
                "due_in_hours": 72,
                "assignee": "operator@fleet.example",
            },
            {"type": "store_log", "level": "INFO", "message": "$vehicle_id reached $odometer_km km."},
        ],
    },
    {
        "name": "Battery low while parked",
        "description": "An electric vehicle that stands with an empty battery is late tomorrow.",
        "scope": SCOPE,
        "pattern": {
            "all": [
                {"field": "battery_pct", "operator": "lt", "value": 20},
                {"field": "speed_kmh", "operator": "le", "value": 0},
            ]
        },
        "actions": [
            {"type": "store_log", "level": "WARNING", "message": "$vehicle_id stands at $battery_pct %."}
        ],
    },
    {
        "name": "Engine too hot",
        "description": "Tells the manager before the engine is damaged.",
        "scope": SCOPE,
        "pattern": {"field": "engine_temp_c", "operator": "gt", "value": 108},
        "actions": [
            {
                "type": "send_email",
                "to": ["manager@fleet.example"],
                "subject": "$plate: engine at $engine_temp_c °C",
                "body": "$vehicle_id ($make $model) reports $engine_temp_c °C. Ask the driver to stop.",
            }
        ],
    },
)


def vehicle_id(number: int) -> str:
    return f"{FLEET_ID}-VH-{number:03}"


def main_data(number: int) -> dict[str, Any]:
    make = MAKES[(number - 1) % len(MAKES)]
    return {
        "vehicle_id": vehicle_id(number),
        "vin": f"{make.begin}0N{40_000 + 137 * number:07}",
        "plate": f"HH-FL {1000 + 37 * (number - 1)}",
        "make": make.make,
        "model": make.model,
        "model_year": 2019 + number % 7,
        "vehicle_type": make.kind,
        "fuel_type": make.fuel,
        "color": COLORS[number % len(COLORS)],
        "in_service_date": f"{2019 + number % 7}-{number % 12 + 1:02}-{number % 27 + 1:02}",
        "attributes": {
            "depot": ("Altona", "Billbrook", "Harburg")[number % 3],
            "winter tyres": number % 4 == 0,
        },
    }


def status(number: int) -> tuple[dict[str, Any], int]:
    """A vehicle's latest attributes and how many seconds old they are."""
    make = MAKES[(number - 1) % len(MAKES)]
    told, speed, age = MOMENTS[(number - 1) % len(MOMENTS)]
    north, east = (number * 37 % 100 - 50) / 1_000, (number * 61 % 100 - 50) / 650
    values: dict[str, Any] = {
        "latitude": round(CENTRE[0] + north, 6),
        "longitude": round(CENTRE[1] + east, 6),
        "speed_kmh": float(speed),
        "heading_deg": float(number * 53 % 360),
        "odometer_km": float(18_250 + number * 4_731 % 113_000),
        "load_pct": float(number * 29 % 101),
    }
    if told:
        values["status"] = told
    if make.is_electric:
        values["battery_pct"] = 14.0 if told == "LOW_BATTERY" else float(38 + number * 17 % 60)
        values["battery_health_pct"] = 100 - number % 9
    else:
        values["fuel_pct"] = float(22 + number * 23 % 75)
        values["engine_temp_c"] = 111.5 if told == "ALERT" else float(78 + number * 7 % 20)
    return values, age
