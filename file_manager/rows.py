"""What became of each row: read from the chunks that are done, a page at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from file_manager.models import Upload, UploadChange, UploadChunk
from vehicle_management.models import Vehicle, VehicleChange

OUTCOMES = {"c": "created", "u": "updated", "=": "unchanged", "r": "repeated", "f": "failed"}
LETTERS = {name: letter for letter, name in OUTCOMES.items()}
OF_VEHICLES = ("vehicles", "statuses")


class Rows(Sequence[dict[str, Any]]):
    """An upload's rows in the order in which they were worked on, as a sequence that pages can be cut from."""

    def __init__(self, upload: Upload, outcome: str | None = None) -> None:
        self.upload = upload
        self.letter = LETTERS.get(outcome) if outcome else None

    def __len__(self) -> int:
        if self.letter:
            counters = {"c": "created", "u": "updated", "=": "unchanged", "r": "repeated", "f": "failed"}
            return int(getattr(self.upload, f"rows_{counters[self.letter]}"))
        last = self.upload.chunks.order_by("-first_seq").values_list("last_seq", flat=True).first()
        return last or 0

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            start, stop, _step = key.indices(len(self))
            return list(self._told(self._page(start, stop)))
        return self[key : key + 1][0]

    def place_of(self, row: int) -> int | None:
        """Where a row of the file stands in this sequence; None where it is not (yet)."""
        chunk = self.upload.chunks.filter(rows__contains=[row]).first()
        return chunk.first_seq - 1 + chunk.rows.index(row) if chunk else None

    def _page(self, start: int, stop: int) -> list[tuple[int, str, int]]:
        """``(row, letter, object)`` of the places ``start`` to ``stop``."""
        if stop <= start:
            return []
        if self.letter:
            return self._filtered(start, stop - start)
        chunks = self.upload.chunks.filter(first_seq__lte=stop, last_seq__gt=start).order_by("first_seq")
        return [
            (row, letter, pk)
            for chunk in chunks
            for place, (row, letter, pk) in enumerate(_triples(chunk), start=chunk.first_seq)
            if start < place <= stop
        ]

    def _filtered(self, offset: int, limit: int) -> list[tuple[int, str, int]]:
        sql = f"""
            SELECT r.row, r.letter, r.pk FROM {UploadChunk._meta.db_table} c,
                unnest(c.rows, string_to_array(c.outcomes, NULL), c.object_ids)
                    WITH ORDINALITY AS r (row, letter, pk, place)
            WHERE c.upload_id = %s AND r.letter = %s ORDER BY c.first_seq, r.place OFFSET %s LIMIT %s"""
        with connection.cursor() as cursor:
            cursor.execute(sql, [self.upload.pk, self.letter, offset, limit])
            return cursor.fetchall()

    def _told(self, items: Iterable[tuple[int, str, int]]) -> Iterator[dict[str, Any]]:
        items = list(items)
        changes = self._changes([row for row, letter, _pk in items if letter == "u"])
        names = self._names({pk for _row, _letter, pk in items if pk})
        for row, letter, pk in items:
            told: dict[str, Any] = {"row": row, "outcome": OUTCOMES[letter], "changes": changes.get(row, {})}
            if pk and pk in names:
                told |= names[pk]
            yield told

    def _names(self, pks: set[int]) -> dict[int, dict[str, Any]]:
        if self.upload.kind not in OF_VEHICLES:
            return {pk: {"id": pk} for pk in pks}
        found = Vehicle.all_objects.filter(pk__in=pks).values_list("pk", "vehicle_id")
        return {pk: {"vehicle_id": vehicle_id} for pk, vehicle_id in found}

    def _changes(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Vehicles keep their changes in their history, other things beside the upload."""
        found: dict[int, dict[str, Any]] = {}
        if self.upload.kind in OF_VEHICLES:
            told = VehicleChange.objects.filter(cause=self.upload.cause, cause_row__in=rows)
            for row, changes in told.order_by("id").values_list("cause_row", "changes"):
                found.setdefault(row or 0, {}).update(changes)
            return found
        kept = UploadChange.objects.filter(upload=self.upload, row__in=rows)
        return dict(kept.values_list("row", "changes"))


def _triples(chunk: UploadChunk) -> Iterator[tuple[int, str, int]]:
    return zip(chunk.rows, chunk.outcomes, chunk.object_ids, strict=True)
