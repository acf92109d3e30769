"""The second pass: rows checked and typed, a block at a time, and copied into a staging table."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from feed_processor import lookups
from feed_processor.blocks import Block, read_blocks
from feed_processor.convert import (
    CLEAR,
    NULL,
    Column,
    Fault,
    Refused,
    cell_text,
    escaped,
    parser_for,
    sweep_for,
)
from feed_processor.copying import CopyingBehind
from feed_processor.dates import settle_order
from feed_processor.dialect import MISSING, Dialect
from feed_processor.free_columns import FreeColumn
from feed_processor.plan import ATTRIBUTE, PlannedColumn
from feed_processor.schemas import SCHEMAS, factor_of
from feed_processor.source import TARGETS
from feed_processor.survey import Profile
from vehicle_management import registry, staged, vin

TABLES: dict[str, dict[str, str]] = {
    "vehicles": staged.COLUMNS,
    "statuses": {
        "seq": "integer", "row": "integer", "vehicle": "bigint", "at": "timestamptz",
        "attributes": "jsonb", "cleared": "text[]", **staged.STATUS,
    },
    "customers": {
        "seq": "integer", "row": "integer", "external_id": "text", "name": "text", "email": "text", "phone": "text",
        "address": "text", "attributes": "jsonb", "cleared": "text[]",
    },
    "tasks": {
        "seq": "integer", "row": "integer", "external_id": "text", "title": "text", "description": "text",
        "task_status": "text", "vehicle": "bigint", "customer": "bigint", "assignee": "bigint", "due_at": "timestamptz",
        "cleared": "text[]",
    },
}  # fmt: skip
BUNDLE_ROWS = 10_000
NO_KEY = {
    "vehicles": gettext_lazy("The row names no vehicle: fill vehicle_id, VIN or plate."),
    "statuses": gettext_lazy("The row names no vehicle: fill vehicle_id, VIN or plate."),
    "customers": gettext_lazy("The row names no customer: fill external id, e-mail or name."),
    "tasks": gettext_lazy("The row has neither an external id nor a title."),
}


class Misjudged(Exception):
    """The rows that were looked at first spoke of other columns than the whole file does: look at all."""


@dataclass
class Stager:
    """Checks blocks of one file and makes COPY lines of them."""

    kind: str
    columns: Sequence[PlannedColumn]
    actor: Actor
    zone: ZoneInfo
    date_order: str
    table: str
    watches: bool = True
    """Whether the columns were judged by their first rows alone."""
    seq: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    free: list[FreeColumn] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    watched: dict[str, Profile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        schema = SCHEMAS[self.kind]
        held = registry.register(self._new_attributes()) if self.kind != "customers" else {}
        for column in self.columns:
            if column.field is None:
                continue
            if column.field.startswith(ATTRIBUTE):
                name = column.field.removeprefix(ATTRIBUTE)
                self.free.append(FreeColumn(column.header, name, held.get(name, column.kind)))
            else:
                self._add(
                    column,
                    schema.fields[column.field].type,
                    factor_of(column.header, schema.fields[column.field]),
                )

    def _new_attributes(self) -> dict[str, str]:
        free = [column for column in self.columns if column.field and column.field.startswith(ATTRIBUTE)]
        return {
            column.field.removeprefix(ATTRIBUTE): column.kind
            for column in free
            if column.field and column.samples
        }

    def _add(self, column: PlannedColumn, type_: str, factor: float) -> None:
        name = column.field or ""
        finder = self._finder(name, type_)
        if finder is not None:
            (self.keys if name in ("vehicle_id", "vin", "plate") else self.fields)[name] = finder(
                column.header
            )
            return
        order = settle_order(frozenset(column.orders), self.date_order)
        parse = parser_for(
            type_, order=order, zone=self.zone, factor=factor, may_be_ahead=self.kind == "tasks"
        )
        self.fields[name] = Column(column.header, parse, sweep_for(type_, factor))

    def _finder(self, name: str, type_: str) -> Callable[[str], lookups.LookupColumn] | None:
        """Columns that name another thing; outside a vehicle file, the vehicle is such a thing too."""
        if name in ("vehicle_id", "vin", "plate") and self.kind in ("statuses", "tasks"):
            return lambda header: lookups.LookupColumn(
                header, lookups.vehicles(self.actor, name), _("vehicle")
            )
        finds = {"fleet": (lookups.fleets, _("fleet")), "customer": (lookups.customers, _("customer"))}
        if name == "assignee":
            finds["email"] = (lookups.assignees, _("active person"))
        if type_ not in finds:
            return None
        find, noun = finds[type_]
        return lambda header: lookups.LookupColumn(header, find(self.actor), noun)

    def lines(self, block: Block) -> tuple[list[str], list[Fault]]:
        """COPY lines of the block's rows (good and bad), and everything that is wrong with them.

        Raises Misjudged.
        """
        if self.watches:
            self._watch(block)
        faults = [Fault(row, "", bad.value, bad.code, bad.message) for row, bad in block.bad]
        values = self._values(block, faults)
        faulty = {fault.row for fault in faults if fault.level == "FAULT"}
        for index in self._without_key(values, len(block.numbers)):
            row = block.numbers[index]
            if row not in faulty:
                faults.append(Fault(row, "", "", "no_key", str(NO_KEY[self.kind])))
                faulty.add(row)
        return self._joined(block, values, faulty), faults

    def _watch(self, block: Block) -> None:
        """Look whether each column is still what it was taken for."""
        if block.columns.keys() - {column.header for column in self.columns}:
            raise Misjudged
        for column in self.columns:
            if column.field is None or not self._depends_on_values(column):
                continue
            profile = self.watched.setdefault(column.header, Profile())
            profile.look_at_block(block.columns.get(column.header, ()))
            if profile.samples and self._is_another(column, profile):
                raise Misjudged

    def _is_another(self, column: PlannedColumn, profile: Profile) -> bool:
        """A text may look like less so far; a number, or an order of dates, must hold to the end."""
        order = settle_order(frozenset(column.orders), self.date_order)
        if profile.dates and order not in profile.orders:
            return True
        return profile.kind != column.kind and (column.kind != "text" or not column.samples)

    def _depends_on_values(self, column: PlannedColumn) -> bool:
        name = column.field or ""
        return name.startswith(ATTRIBUTE) or SCHEMAS[self.kind].fields[name].type in ("date", "time", "year")

    def _values(self, block: Block, faults: list[Fault]) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        cleared: dict[int, list[str]] = defaultdict(list)
        for name, column in self.fields.items():
            cells = self._cells(block, column.header)
            values[TARGETS.get(name, name)] = self._converted(column, cells, block, faults)
            self._note_cleared(name, cells, cleared)
        if self.keys:
            values["vehicle"] = self._vehicles(block, faults)
        if self.free:
            values["attributes"] = self._attributes(block, faults, cleared)
        if cleared:
            values["cleared"] = [_array(cleared.get(index)) for index in range(len(block.numbers))]
        if self.kind == "vehicles" and "vin" in values:
            faults.extend(_vin_notices(block, values["vin"], self.fields["vin"].header))
        return values

    def _cells(self, block: Block, header: str) -> Sequence[str]:
        cells = block.columns.get(header)
        if cells is None:
            return [""] * len(block.numbers)
        return cells if isinstance(cells, tuple) else [_json_cell(value) for value in cells]

    def _converted(self, column: Any, cells: Sequence[str], block: Block, faults: list[Fault]) -> list[str]:
        texts, refused = column.convert(cells)
        faults.extend(_fault(block, column.header, cells[index], index, error) for index, error in refused)
        return texts

    def _note_cleared(self, name: str, cells: Sequence[str], cleared: dict[int, list[str]]) -> None:
        # Only JSON clears; a CSV's cells come as a tuple and are not looked through.
        if isinstance(cells, list) and CLEAR in cells:
            for index, cell in enumerate(cells):
                if cell == CLEAR:
                    cleared[index].append(TARGETS.get(name, name))

    def _vehicles(self, block: Block, faults: list[Fault]) -> list[str]:
        """The vehicle by the first key that the row fills; keys that name different ones are a fault."""
        found = [NULL] * len(block.numbers)
        for name in ("vehicle_id", "vin", "plate"):
            column = self.keys.get(name)
            if column is None:
                continue
            cells = self._cells(block, column.header)
            texts = self._converted(column, cells, block, faults)
            for index, text in enumerate(texts):
                if text == NULL or found[index] == text:
                    continue
                if found[index] == NULL:
                    found[index] = text
                else:
                    error = Refused(
                        _("“%(v)s” names another vehicle than the row's first key.") % {"v": cells[index]},
                        "keys_differ",
                    )
                    faults.append(_fault(block, column.header, cells[index], index, error))
        return found

    def _attributes(self, block: Block, faults: list[Fault], cleared: dict[int, list[str]]) -> list[str]:
        fragments = []
        for column in self.free:
            cells = block.columns.get(column.header)
            if cells is None:
                continue
            texts, told = column.convert(cells)
            fragments.append(texts)
            faults.extend(
                _fault(block, column.header, str(cells[index]), index, error, misfit=True)
                for index, error in told
            )
            if not isinstance(cells, tuple):
                for index, cell in enumerate(cells):
                    if cell is None:
                        cleared[index].append(column.name)
        if not fragments:
            return [NULL] * len(block.numbers)
        return ["{" + ",".join(filter(None, row)) + "}" for row in zip(*fragments, strict=True)]

    def _without_key(self, values: dict[str, list[str]], count: int) -> list[int]:
        """Places of the rows that name nothing."""
        keys = [values[name] for name in self._key_columns() if name in values]
        if any(NULL not in key for key in keys):
            return []
        return [index for index in range(count) if all(key[index] == NULL for key in keys)]

    def _key_columns(self) -> tuple[str, ...]:
        if self.kind == "statuses":
            return ("vehicle",)
        return ("external_id", "title") if self.kind == "tasks" else SCHEMAS[self.kind].keys

    def _joined(self, block: Block, values: dict[str, list[str]], faulty: set[int]) -> list[str]:
        """A line per row; a faulty one has no values, so that every row of the file has its outcome."""
        names = [name for name in TABLES[self.kind] if name in values]
        self.names = ["seq", "row", *names]
        seqs = range(self.seq + 1, self.seq + 1 + len(block))
        self.seq += len(block)
        columns = [map(str, seqs), map(str, block.numbers), *(values[name] for name in names)]
        lines = ["\t".join(parts) for parts in zip(*columns, strict=False)]
        nothing = "\t".join(["", *[NULL] * len(names)])
        if faulty:
            for index, row in enumerate(block.numbers):
                if row in faulty:
                    lines[index] = f"{seqs[index]}\t{row}{nothing}"
        unread = zip(seqs[len(lines) :], block.bad, strict=True)
        return lines + [f"{seq}\t{row}{nothing}" for seq, (row, _bad) in unread]


def _fault(
    block: Block, header: str, value: str, index: int, error: Refused, *, misfit: bool = False
) -> Fault:
    level = "NOTICE" if misfit and error.code == "attribute_kind" else "FAULT"
    shown = "" if value == CLEAR else value[:200].replace("\x00", "")
    return Fault(block.numbers[index], header, shown, error.code, str(error), level)


def _json_cell(value: Any) -> str:
    return "" if value is MISSING else cell_text(value)


def _array(names: list[str] | None) -> str:
    if not names:
        return NULL
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return escaped("{" + ",".join(quoted) + "}")


def _vin_notices(block: Block, vins: Sequence[str], header: str) -> Iterator[Fault]:
    for index in vin.wrong_check_digits(vins):
        message = _("The check digit of VIN “%(vin)s” is wrong: one of its characters may be mistyped.") % {
            "vin": vins[index]
        }
        yield Fault(block.numbers[index], header, vins[index], "vin_check_digit", message, "NOTICE")


def create_table(kind: str, table: str) -> None:
    """An unlogged table: quick to fill, and empty after a crash of the database, which the run notices."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in TABLES[kind].items())
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}, {table}_matched")
        cursor.execute(f"CREATE UNLOGGED TABLE {table} ({columns}) WITH (autovacuum_enabled = false)")


@dataclass
class Bundle:
    """Blocks that go to the database together; ``rows`` are those of the file so far."""

    names: Sequence[str]
    rows: int = 0
    lines: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def stage(
    stream: BinaryIO, dialect: Dialect, stager: Stager, on_bundle: Callable[[int, list[Fault]], None]
) -> int:
    """Copy the whole file into a new staging table, in the caller's transaction; answers its rows.

    ``on_bundle`` is given the rows read so far and the faults of each bundle of rows.
    """
    create_table(stager.kind, stager.table)
    rows = 0
    with transaction.atomic(), connection.cursor() as cursor, CopyingBehind(cursor) as copying:
        for bundle in _bundles(stream, dialect, stager):
            rows = bundle.rows
            copying.wait()
            on_bundle(rows, bundle.faults)
            if bundle.lines:
                copying.start(f"COPY {stager.table} ({', '.join(bundle.names)}) FROM STDIN", bundle.lines)
    return rows


def _bundles(stream: BinaryIO, dialect: Dialect, stager: Stager) -> Iterator[Bundle]:
    bundle = Bundle(())
    for block in read_blocks(stream, dialect):
        lines, faults = stager.lines(block)
        if len(bundle.lines) >= BUNDLE_ROWS or (bundle.lines and bundle.names != stager.names):
            yield bundle
            bundle = Bundle((), bundle.rows)
        bundle.names = stager.names
        bundle.rows += len(block)
        bundle.lines += lines
        bundle.faults += faults
    yield bundle
