"""The attributes that a pattern may name, and where a vehicle's values of them stand.

Values are named as change batches name them: ``odometer_km`` is ``status.odometer_km``, another attribute
is ``status.tyre_wear`` or, where the status has none, ``attributes.tyre_wear``.
"""

from rules.nodes import Subject
from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES
from vehicle_management.registry import kinds

# A fleet is stored by its key; a pattern names it by its id.
_OURS = {
    "fleet_id": Subject("fleet_id", "text", ("fleet_id",)),
    "customer_id": Subject("customer_id", "number", ("customer",)),
    "recorded_at": Subject("recorded_at", "time", ("recorded_at",)),
}
_WELL_KNOWN = {
    **{name: Subject(name, held.kind, (name,), held.choices) for name, held in VEHICLE_ATTRIBUTES.items()},
    **{
        name: Subject(name, held.kind, (f"status.{name}",), held.choices)
        for name, held in STATUS_ATTRIBUTES.items()
    },
    **_OURS,
}


def attribute_table() -> dict[str, Subject]:
    """Every attribute by its name: the well-known first, then what the registry has seen."""
    others = {
        name: Subject(name, kind, (f"status.{name}", f"attributes.{name}"))
        for name, kind in kinds().items()
        if name not in _WELL_KNOWN
    }
    return {**_WELL_KNOWN, **others}
