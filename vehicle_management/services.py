"""The one door by which anything of a vehicle changes.

Every function is one transaction that also leaves the vehicle's history and change batches.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor, Causing
from accounts.models import Cause, Fleet, validate_external_id
from customer_management.models import Customer
from vehicle_management import vin
from vehicle_management.attributes import VEHICLE_ATTRIBUTES
from vehicle_management.changes import Change, leave, lock_vehicles, ring
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import ChangeBatch, Vehicle
from vehicle_management.recording import StatusRow, record_status, record_statuses
from vehicle_management.registry import check_free_attributes

__all__ = [
    "StatusRow",
    "create_vehicles",
    "hide_vehicles",
    "purge_vehicle",
    "record_status",
    "record_statuses",
    "restore_vehicle",
    "touch_vehicles",
    "update_vehicle",
    "update_vehicles",
]

TEXTS = tuple(
    name for name, known in VEHICLE_ATTRIBUTES.items() if known.kind == "text" and name != "vehicle_id"
)
FIELDS = (*TEXTS, "model_year", "in_service_date", "fleet", "customer", "attributes")


def create_vehicles(values: Sequence[Mapping[str, Any]], *, by: Causing) -> list[Vehicle]:
    """All or none. Raises ValidationError by field (``[3].vin`` where there are several), VehicleConflict."""
    vehicles = _checked_all([{**item} for item in values])
    cause = Cause.of(by.as_cause())
    for vehicle in vehicles:
        vehicle.cause = cause
    with transaction.atomic():
        try:
            with transaction.atomic():
                Vehicle.objects.bulk_create(vehicles)
        except IntegrityError as error:
            raise _conflict(error, vehicles) from error
        leave(
            [Change(vehicle.pk, _from_nothing(vehicle)) for vehicle in vehicles],
            cause=cause,
            with_history=False,
        )
    return vehicles


def update_vehicle(vehicle: Vehicle, values: Mapping[str, Any], *, by: Actor) -> Vehicle:
    """Raises ValidationError by field and VehicleConflict; the ``vehicle_id`` never changes."""
    checked = _checked(values)
    with transaction.atomic():
        locked = Vehicle.objects.select_for_update(no_key=True).filter(pk=vehicle.pk).first()
        if locked is None:
            raise VehicleConflict(_("“%(id)s” was deleted meanwhile.") % {"id": vehicle.vehicle_id})
        _apply([locked], checked, by=by)
    return locked


def update_vehicles(vehicle_pks: Iterable[int], values: Mapping[str, Any], *, by: Actor) -> int:
    """Give many vehicles the same values, as a customer or a fleet; answers how many changed."""
    checked = _checked(values)
    with transaction.atomic():
        lock_vehicles(vehicle_pks)
        vehicles = list(Vehicle.objects.filter(pk__in=list(vehicle_pks)).order_by("pk"))
        return _apply(vehicles, checked, by=by)


def hide_vehicles(vehicle_pks: Iterable[int], *, by: Actor) -> int:
    now = timezone.now()
    with transaction.atomic():
        lock_vehicles(vehicle_pks)
        vehicles = list(Vehicle.objects.filter(pk__in=list(vehicle_pks)).order_by("pk"))
        Vehicle.objects.filter(pk__in=[vehicle.pk for vehicle in vehicles]).update(
            deleted_at=now, version=models.F("version") + 1
        )
        changes = [Change(vehicle.pk, {"deleted_at": (None, now.isoformat())}) for vehicle in vehicles]
        leave(changes, cause=Cause.of(by.as_cause()))
    return len(vehicles)


def restore_vehicle(vehicle: Vehicle, *, by: Actor) -> Vehicle:
    """Raises VehicleConflict when its id or VIN has been given to another vehicle meanwhile."""
    with transaction.atomic():
        lock_vehicles([vehicle.pk])
        vehicle = Vehicle.all_objects.get(pk=vehicle.pk)
        if vehicle.deleted_at is None:
            return vehicle
        change = Change(vehicle.pk, {"deleted_at": (vehicle.deleted_at.isoformat(), None)})
        vehicle.deleted_at, vehicle.version = None, vehicle.version + 1
        try:
            with transaction.atomic():
                vehicle.save(update_fields=["deleted_at", "version", "updated_at"])
        except IntegrityError as error:
            raise _conflict(error, [vehicle]) from error
        leave([change], cause=Cause.of(by.as_cause()))
    return vehicle


def purge_vehicle(vehicle: Vehicle, *, by: Actor) -> None:
    """Delete a hidden vehicle for good, with its status and history.

    Raises ValidationError while it is not hidden, or while tasks, alerts or firings still tell of it.
    """
    if vehicle.deleted_at is None:
        raise ValidationError(
            _("“%(id)s” is in use; delete it before purging it.") % {"id": vehicle.vehicle_id}
        )
    try:
        with transaction.atomic():
            vehicle.delete()
    except models.ProtectedError as error:
        message = _("“%(id)s” cannot be purged: %(n)d tasks, alerts, firings or log lines tell of it.")
        raise ValidationError(
            message % {"id": vehicle.vehicle_id, "n": len(error.protected_objects)}
        ) from error


def touch_vehicles(vehicle_pks: Iterable[int], *, cause: Mapping[str, Any]) -> None:
    """Say that what surrounds these vehicles changed (a task opened or closed), though no value did."""
    pks = sorted(set(vehicle_pks))
    if pks:
        with transaction.atomic():
            lock_vehicles(pks)
            leave([Change(pk, {}) for pk in pks], cause=Cause.of(dict(cause)))


def prune_change_batches(*, older_than: datetime, readings_older_than: datetime) -> int:
    """Forget batches that every reader has done with; those of readings, which are many, sooner."""
    done = models.Q(done_at__lt=older_than) | models.Q(
        done_at__lt=readings_older_than, received__isnull=False
    )
    return ChangeBatch.objects.filter(done).delete()[0]


def ring_for_pending() -> list[int]:
    """Ring again for the lanes that still have work; for sweeps and tests."""
    lanes = list(ChangeBatch.objects.filter(done_at__isnull=True).values_list("lane", flat=True).distinct())
    if lanes:
        ring(lanes)
    return lanes


def plain(value: Any) -> Any:
    """A field's value as batches and histories write it."""
    if isinstance(value, (Fleet, Customer)):
        return value.pk
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def _apply(vehicles: Sequence[Vehicle], values: Mapping[str, Any], *, by: Actor) -> int:
    changes = []
    for vehicle in vehicles:
        fields = _differences(vehicle, values)
        if fields:
            for name, value in values.items():
                setattr(vehicle, name, value)
            vehicle.version += 1
            vehicle.updated_at = timezone.now()
            changes.append((vehicle, Change(vehicle.pk, fields)))
    if changes:
        _write([vehicle for vehicle, _change in changes], values)
        leave([change for _vehicle, change in changes], cause=Cause.of(by.as_cause()))
    return len(changes)


def _write(vehicles: Sequence[Vehicle], values: Mapping[str, Any]) -> None:
    try:
        with transaction.atomic():
            Vehicle.objects.bulk_update(vehicles, [*values, "version", "updated_at"], batch_size=1_000)
    except IntegrityError as error:
        raise _conflict(error, vehicles) from error


def _differences(vehicle: Vehicle, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    fields: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        if name == "attributes":
            fields.update(_attribute_differences(vehicle.attributes, value))
            continue
        before, after = plain(_stored(vehicle, name)), plain(value)
        if before != after:
            fields[name] = (before, after)
    return fields


def _stored(vehicle: Vehicle, name: str) -> Any:
    return getattr(vehicle, f"{name}_id") if name in ("fleet", "customer") else getattr(vehicle, name)


def _attribute_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted({*before, *after})
    pairs = {f"attributes.{name}": (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _from_nothing(vehicle: Vehicle) -> dict[str, tuple[Any, Any]]:
    values = {"vehicle_id": vehicle.vehicle_id, **{name: plain(_stored(vehicle, name)) for name in FIELDS}}
    attributes = values.pop("attributes") or {}
    held = {**values, **{f"attributes.{name}": value for name, value in attributes.items()}}
    return {name: (None, value) for name, value in held.items() if value not in (None, "")}


def _checked_all(values: Sequence[dict[str, Any]]) -> list[Vehicle]:
    faults: dict[str, list[str]] = {}
    vehicles = []
    for index, item in enumerate(values):
        try:
            vehicle_id = item.pop("vehicle_id", None) or ""
            validate_external_id(vehicle_id)
            vehicles.append(Vehicle(vehicle_id=vehicle_id, **_checked(item)))
        except ValidationError as error:
            by_field = error.message_dict if hasattr(error, "error_dict") else {"vehicle_id": error.messages}
            prefix = f"[{index}]." if len(values) > 1 else ""
            faults.update({f"{prefix}{name}": messages for name, messages in by_field.items()})
    if faults:
        raise ValidationError(faults)
    return vehicles


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are stored: texts trimmed, empty ones None, VIN upper-case. Raises ValidationError."""
    checked: dict[str, Any] = {
        name: _trimmed(value) if name in TEXTS else value for name, value in values.items()
    }
    if unknown := checked.keys() - set(FIELDS):
        raise ValidationError({name: [_("A vehicle has no such field.")] for name in sorted(unknown)})
    if checked.get("vin"):
        checked["vin"] = vin.normalise(checked["vin"])
    if "attributes" in checked:
        checked["attributes"] = check_free_attributes(checked["attributes"] or {})
    _clean(checked)
    return checked


def _trimmed(value: Any) -> str | None:
    return (str(value).strip() or None) if value is not None else None


def _clean(checked: dict[str, Any]) -> None:
    untouched = [field.name for field in Vehicle._meta.fields if field.name not in checked]
    candidate = Vehicle(**checked)
    # The database checks uniqueness and foreign keys: asking first would only race it.
    candidate.clean_fields(exclude=[*untouched, "fleet", "customer", "attributes"])
    for name in checked.keys() - {"fleet", "customer", "attributes"}:
        checked[name] = getattr(candidate, name)


def _conflict(error: IntegrityError, vehicles: Sequence[Vehicle]) -> VehicleConflict:
    """Name the id or VIN that is taken, as far as it is one of those that were sent."""
    field = "vin" if "vehicle_vin_is_unique" in str(error) else "vehicle_id"
    label = "VIN" if field == "vin" else "vehicle_id"
    if len(vehicles) == 1:
        message = _("The %(label)s “%(value)s” is taken; choose another one.")
        return VehicleConflict(message % {"label": label, "value": getattr(vehicles[0], field)})
    taken = Vehicle.objects.filter(**{f"{field}__in": [getattr(vehicle, field) for vehicle in vehicles]})
    sent = ", ".join(sorted(str(value) for value in taken.values_list(field, flat=True)[:5])) or _(
        "sent twice"
    )
    return VehicleConflict(_("A %(label)s is taken: %(values)s.") % {"label": label, "values": sent})
