"""A vehicle's history, newest first; its creation is the last entry and needs no row of its own."""

from collections.abc import Sequence
from typing import Any

from vehicle_management.models import Vehicle, VehicleChange


class History(Sequence[dict[str, Any]]):
    """``{at, cause, changes: {field: [before, after]}}``, to cut pages from."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self._changes = VehicleChange.objects.filter(vehicle=vehicle).select_related("cause").order_by("-id")
        self._count = self._changes.count()

    def __len__(self) -> int:
        return self._count + 1

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice):
            return self[key : key + 1][0]
        start, stop, _step = key.indices(len(self))
        entries = [_told(change) for change in self._changes[start : min(stop, self._count)]]
        if start <= self._count < stop:
            entries.append(self._creation())
        return entries

    def _creation(self) -> dict[str, Any]:
        cause = self.vehicle.cause.told(self.vehicle.cause_row) if self.vehicle.cause else None
        return {"at": self.vehicle.created_at, "cause": cause, "changes": {}}


def _told(change: VehicleChange) -> dict[str, Any]:
    return {"at": change.at, "cause": change.told_cause(), "changes": change.changes}
