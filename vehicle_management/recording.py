"""The door for statuses: whatever changes a vehicle's attributes comes through ``record_statuses``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause
from vehicle_management.advance import Known, advance, as_text
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.changes import RECORDED_AT_FIELD, Change, leave, lock_vehicles
from vehicle_management.models import Vehicle, VehicleStatus
from vehicle_management.registry import check_attributes

COLUMNS = tuple(STATUS_ATTRIBUTES)
TOO_FAR_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class StatusRow:
    """Values of one vehicle at one time (None: now), from one row of a file where there is one."""

    vehicle: int
    values: Mapping[str, Any]
    at: datetime | None = None
    row: int | None = None


def record_statuses(
    rows: Sequence[StatusRow], *, cause: dict[str, Any], received_at: datetime | None = None
) -> list[bool]:
    """Move the vehicles' statuses forward; answers per row whether it changed anything.

    Values are taken as checked. Rows of one vehicle are worked on in the order of their times; those
    without one are of ``received_at``, or of now.
    """
    received_at = received_at or timezone.now()
    changed = [False] * len(rows)
    with transaction.atomic():
        pks = {row.vehicle for row in rows}
        lock_vehicles(pks)
        known = _load(pks)
        before = {pk: (held.recorded_at, dict(held.times)) for pk, held in known.items()}
        changes = []
        for index in sorted(range(len(rows)), key=lambda index: rows[index].at or received_at):
            change = _moved(known, rows[index], received_at)
            if change:
                changed[index] = change.fields.keys() != {RECORDED_AT_FIELD}
                changes.append(change)
        touched = {
            pk for pk, held in known.items() if (held.recorded_at, held.times) != before.get(pk, (None, {}))
        }
        _store({pk: known[pk] for pk in touched | {change.vehicle for change in changes}})
        if changes:
            leave(changes, cause=Cause.of(cause))
    return changed


def _moved(known: dict[int, Known], row: StatusRow, received_at: datetime) -> Change | None:
    """Move what is known of the row's vehicle; None where the row changes nothing."""
    at = row.at or received_at
    # A file's row without a time is no report of now; whoever says the same again by itself is heard of.
    if row.at is None and row.row is not None and _says_nothing_new(known.get(row.vehicle), row.values):
        return None
    if not row.values:
        return None
    held = known[row.vehicle]
    heard_before = held.recorded_at
    fields = {f"status.{name}": pair for name, pair in advance(held, row.values, at).items()}
    if held.recorded_at != heard_before:
        fields[RECORDED_AT_FIELD] = (_text(heard_before), _text(held.recorded_at))
    return Change(row.vehicle, fields, row=row.row, at=at) if fields else None


def record_status(
    vehicle: Vehicle, values: Mapping[str, Any], *, at: datetime | None, by: Actor
) -> VehicleStatus:
    """Check and record one vehicle's attributes. Raises ValidationError by attribute."""
    if at is not None and at > timezone.now() + TOO_FAR_AHEAD:
        message = _("“%(at)s” lies more than 5 minutes ahead; leave it out for a status of now.")
        raise ValidationError({"recorded_at": message % {"at": at.isoformat()}})
    record_statuses([StatusRow(vehicle.pk, check_attributes(values), at)], cause=by.as_cause())
    status = VehicleStatus.objects.filter(vehicle=vehicle).first()
    return status or VehicleStatus(vehicle=vehicle, recorded_at=at or timezone.now())


def _text(at: datetime | None) -> str | None:
    return as_text(at) if at else None


def _says_nothing_new(known: Known | None, values: Mapping[str, Any]) -> bool:
    """A row without a time whose values are all known already changes nothing, not even the times."""
    held = known.values if known else {}
    return all(held.get(name) == value for name, value in values.items())


def _load(pks: set[int]) -> dict[int, Known]:
    known: dict[int, Known] = defaultdict(Known)
    for status in VehicleStatus.objects.filter(vehicle__in=pks):
        values = {name: value for name in COLUMNS if (value := getattr(status, name)) is not None}
        known[status.pk] = Known({**status.attributes, **values}, status.recorded_at, dict(status.times))
    return known


def _store(known: Mapping[int, Known]) -> None:
    VehicleStatus.objects.bulk_create(
        [_row_of(pk, held) for pk, held in known.items() if held.recorded_at],
        update_conflicts=True,
        unique_fields=["vehicle"],
        update_fields=[*COLUMNS, "recorded_at", "attributes", "times"],
        batch_size=2_000,
    )


def _row_of(pk: int, held: Known) -> VehicleStatus:
    others = {
        name: value
        for name, value in held.values.items()
        if name not in STATUS_ATTRIBUTES and value is not None
    }
    known: dict[str, Any] = {name: held.values.get(name) for name in COLUMNS}
    known["recorded_at"] = held.recorded_at
    return VehicleStatus(vehicle_id=pk, attributes=others, times=held.times, **known)
