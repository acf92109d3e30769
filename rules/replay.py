"""The values of vehicles as they were at each of their changes: walked back from now, and forward again.

What the database holds is what all batches made, those too that wait still. So a vehicle is walked back over
the old values of all its pending batches first, the later ones too, and then forward, batch by batch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rules.pending import Batch, Side, pending_since
from rules.scope import SCOPE_FIELDS
from rules.values import load_values
from vehicle_management.changes import RECORDED_AT_FIELD

NOT_YET = "it was not created yet"
ALWAYS = SCOPE_FIELDS | {"vehicle_id", "fleet_id", RECORDED_AT_FIELD}

Known = dict[str, Any]


class Replay:
    """``values`` by vehicle: now, then before all that is pending, then as far as it was stepped."""

    def __init__(self, lane: int, vehicles: Iterable[int], keys: Iterable[str], fleet_ids: Mapping[int, str]):
        self._lane, self._fleet_ids = lane, fleet_ids
        self._keys = ALWAYS.union(keys)
        self.values: dict[int, Known] = load_values(vehicles, self._keys, fleet_ids)
        # Created, with a first status that follows in a batch of its own: the creation alone says only half.
        self.half_told: set[int] = set()
        # What each batch that begins made of each vehicle, found on the way back.
        self._made: dict[tuple[int, int], Known] = {}

    def walk_back(self, batches: list[Batch]) -> None:
        """From now to before the first of ``batches``, whose values were read."""
        for later in pending_since(self._lane, fields=self._keys, vehicles=self.values):
            if later.is_first:
                self.half_told.update(later.vehicles)
            self._undo(later)
        for batch in reversed(batches):
            if batch.is_first:
                self.half_told.update(batch.vehicles)
            if not self._keys.isdisjoint(batch.fields):
                self._undo(batch)

    def step(self, batch: Batch, position: int) -> Known | None:
        """Forward over one row; answers the values from before it, or None where the vehicle is none of ours."""
        pk = batch.vehicles[position]
        values = self.values.get(pk)
        if values is None:
            return None
        if batch.begins:
            self.values[pk] = self._made.get((batch.pk, pk), values)
        elif batch.new is not None and batch.fields:
            self.values[pk] = {**values}
            self._put(self.values[pk], self._columns(batch), batch.new[position])
        return values

    def _undo(self, batch: Batch) -> None:
        columns, values_of = self._columns(batch), self.values
        for position in range(len(batch.vehicles) - 1, -1, -1):
            pk = batch.vehicles[position]
            values = values_of.get(pk)
            if values is None:
                continue
            if batch.begins:
                self._made[batch.pk, pk] = dict(values)
            if batch.creates:
                values.update({**dict.fromkeys(values), "deleted_at": NOT_YET})
            else:
                self._put(values, columns, batch.old[position] if batch.old else None)

    def _columns(self, batch: Batch) -> list[tuple[int, str]]:
        if batch.columns is None:
            batch.columns = [(place, name) for place, name in enumerate(batch.fields) if name in self._keys]
        return batch.columns

    def _put(self, values: Known, columns: list[tuple[int, str]], side: Side | None) -> None:
        for place, name in columns:
            values[name] = side[place] if side else None
            if name == "fleet":
                values["fleet_id"] = self._fleet_ids.get(values[name])
