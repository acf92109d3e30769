"""Columns that no schema knows: they become attributes, each of the type that the registry holds."""

from collections.abc import Sequence

import orjson
from django.utils.translation import gettext as _

from feed_processor.convert import CLEAR, MEMO_SIZE, PLAIN_NUMBERS, Refused, escaped, is_plain_number
from feed_processor.dialect import MISSING
from vehicle_management import registry

MOST_TEXT = registry.MOST_TEXT_LENGTH
BOOLEANS = {"true": "true", "false": "false", "yes": "true", "no": "false"}


class FreeColumn:
    """Cells to fragments of a JSON object (``"name":value``), empty where the cell is.

    ``misfits`` counts nothing: places whose value does not fit the type are told by ``convert``.
    """

    def __init__(self, header: str, name: str, kind: str) -> None:
        self.header, self.name, self.kind = header, name, kind
        self._key = escaped(orjson.dumps(name).decode()) + ":"
        self._memo: dict[object, str] = {"": "", CLEAR: "", MISSING: ""}
        self._misfits: set[object] = set()

    def convert(self, cells: Sequence[object]) -> tuple[list[str], list[tuple[int, Refused]]]:
        memo = self._memo
        try:
            if self.kind == "number" and PLAIN_NUMBERS.match("\n".join(cells)):  # type: ignore[arg-type]
                return [f"{self._key}{cell}" if cell else "" for cell in cells], []
            if not self._misfits:
                return [memo[cell] for cell in cells], []
        except (KeyError, TypeError):
            pass
        return self._learn(cells)

    def _learn(self, cells: Sequence[object]) -> tuple[list[str], list[tuple[int, Refused]]]:
        if len(self._memo) > MEMO_SIZE:
            self._memo = {"": "", CLEAR: "", MISSING: ""}
            self._misfits.clear()
        told: list[tuple[int, Refused]] = []
        fragments = []
        for index, cell in enumerate(cells):
            try:
                fragment = self._fragment(cell)
            except Refused as error:
                fragment = ""
                told.append((index, error))
            else:
                if isinstance(cell, str) and cell in self._misfits:
                    told.append((index, self._misfit(cell)))
            fragments.append(fragment)
        return fragments, told

    def _fragment(self, cell: object) -> str:
        if isinstance(cell, str):
            held = self._memo.get(cell)
            if held is None:
                held = self._memo[cell] = self._from_text(cell)
            return held
        if cell is None or cell is MISSING:
            return ""
        if registry.kind_of(cell) != self.kind and not isinstance(cell, (dict, list)):
            cell = registry.fit(cell, self.kind)
        return self._key + escaped(orjson.dumps(cell).decode())

    def _from_text(self, cell: str) -> str:
        trimmed = cell.strip()
        if not trimmed:
            return ""
        if "\x00" in trimmed:
            raise Refused(_("The cell holds a NUL character, which cannot be stored."), "nul")
        if len(trimmed) > MOST_TEXT:
            raise Refused(
                _("The text has %(n)d characters; up to 10,000 are stored.") % {"n": len(trimmed)}, "too_long"
            )
        if self.kind == "number" and is_plain_number(trimmed):
            return self._key + trimmed
        if self.kind == "boolean" and trimmed.lower() in BOOLEANS:
            return self._key + BOOLEANS[trimmed.lower()]
        if self.kind in ("number", "boolean"):
            self._misfits.add(cell)
        return self._key + escaped(orjson.dumps(trimmed).decode())

    def _misfit(self, cell: str) -> Refused:
        message = _(
            "“%(value)s” does not fit %(name)s, which is a %(kind)s; it is kept as text, which rules do not know."
        )
        return Refused(
            message % {"value": cell[:100], "name": self.name, "kind": self.kind}, "attribute_kind"
        )
