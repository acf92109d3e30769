"""A rule tried over the rows of an uploaded file, as if they came now, one after the other. Nothing is applied."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Fleet
from api_pattern.times import told_time
from feed_processor.blocks import read_blocks
from feed_processor.convert import NULL
from feed_processor.dialect import Dialect, UnreadableFile
from feed_processor.plan import PlannedColumn
from feed_processor.stage import Misjudged, Stager
from file_manager import storage
from file_manager.models import Upload
from rules.history import Event
from rules.history_start import Known, known_at
from rules.models import Rule
from rules.moments import ms_of, time_of
from rules.nodes import Subject
from rules.running import machine_of
from rules.table import attribute_table
from rules.trial import Found
from rules.trial_draft import Draft, read_draft
from rules.trial_run import frame_of, trial_of
from rules.trial_told import AFTER, BEFORE, Telling, first_known, read_by
from vehicle_management.advance import as_text
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.models import Vehicle
from vehicle_management.staged import MAIN

MOST_ROWS = 100_000
KINDS = (Upload.Kind.STATUSES, Upload.Kind.VEHICLES)
MILLISECOND = timedelta(milliseconds=1)
_UNESCAPED = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


@dataclass
class Rows:
    """A file's rows as events; those of vehicles that it would create have keys below 0."""

    upload: Upload
    draft: Draft
    names: dict[int, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    faulty: int = 0
    _by_key: dict[tuple[str, str], int] = field(default_factory=dict)


def try_over_file(values: Mapping[str, Any], origin: Rule | None, *, by: Actor) -> dict[str, Any]:
    """What the draft would have done at the file's rows: the first 100,000. Raises ValidationError by field."""
    began = time.monotonic()
    upload = _upload(values["file"], by)
    draft = read_draft(values, by=by, origin=origin, vehicles=values.get("vehicles"), needs_vehicles=False)
    machine = machine_of(draft.rule, attribute_table())
    rows = Rows(upload, draft)
    try:
        with transaction.atomic():
            _read(rows, by)
            # Reading a file notes the names of its attributes: that too is left undone.
            transaction.set_rollback(True)
    except (UnreadableFile, Misjudged) as error:
        told = str(error) or _("The file was not read to its end yet; review it first.")
        raise ValidationError({"file": [told]}) from error
    rows.events.sort(key=lambda event: event[1])
    start = time_of(rows.events[0][1]) if rows.events else upload.created_at
    end = (time_of(rows.events[-1][1]) if rows.events else upload.created_at) + MILLISECOND
    trial = trial_of(draft, machine, start, end)
    trial.skips_current = True
    trial.known = known_at([pk for pk in rows.names if pk > 0], machine.keys, start)
    trial.known |= {pk: Known(_nothing(upload)) for pk in rows.names if pk < 0}
    outcome = trial.run(rows.events)
    names = read_by(machine)
    told_outcome = Telling(draft.rule, rows.names, names, _around(rows, names)).tell(outcome)
    return {
        **frame_of(Draft(draft.rule, rows.names, origin), machine, start, end),
        "archived_days": [],
        **told_outcome,
        "file": upload.pk,
        "faulty_rows": rows.faulty,
        "took_ms": round((time.monotonic() - began) * 1000),
    }


def _upload(pk: Any, by: Actor) -> Upload:
    upload = Upload.objects.visible_to(by).filter(pk=pk).select_related("fleet").first()
    if upload is None:
        raise ValidationError(
            {"file": [_("There is no file %(pk)s that you may see.") % {"pk": str(pk)[:20]}]}
        )
    if upload.kind not in KINDS or not upload.columns:
        told = _("“%(name)s” holds no statuses or vehicles that were read; a rule is tried over those.")
        raise ValidationError({"file": [told % {"name": upload.name}]})
    return upload


def _nothing(upload: Upload) -> dict[str, Any]:
    """What is known of a vehicle before its first row."""
    fleet = upload.fleet
    return {
        "fleet": fleet.pk if fleet else None,
        "fleet_id": fleet.fleet_id if fleet else None,
        "customer": None,
        "deleted_at": None,
    }


def _read(rows: Rows, by: Actor) -> None:
    upload = rows.upload
    columns = [PlannedColumn(**column) for column in upload.columns]
    fleet = upload.fleet or Fleet()
    zone = ZoneInfo(fleet.time_zone)
    stager = Stager(upload.kind, columns, by, zone, fleet.date_order, table="", watches=False)
    find = _finder(rows, by)
    read = _reader(rows)
    with storage.opened(upload.stored_as) as stream:
        lines = _lines(stager, stream, Dialect.from_dict(upload.dialect), rows)
        for place, values in enumerate(lines):
            if place >= MOST_ROWS:
                break
            pk = find(values)
            if pk is not None:
                rows.events.append(read(pk, values))


def _lines(stager: Stager, stream: Any, dialect: Dialect, rows: Rows) -> Iterator[dict[str, str]]:
    """Rows without a fault, as the texts of COPY by column."""
    for block in read_blocks(stream, dialect):
        lines, faults = stager.lines(block)
        bad = {fault.row for fault in faults if fault.level == "FAULT"} | {row for row, _bad in block.bad}
        rows.faulty += len(bad)
        for line in lines:
            values = dict(zip(stager.names, line.split("\t"), strict=True))
            if int(values["row"]) not in bad:
                yield {name: text for name, text in values.items() if text != NULL}


def _finder(rows: Rows, by: Actor) -> Callable[[Mapping[str, str]], int | None]:
    """The row's vehicle by key; None where the rule does not concern it."""
    concerned = rows.draft.vehicles
    if rows.upload.kind == Upload.Kind.STATUSES:
        return lambda values: _named(rows, int(values["vehicle"]), concerned)
    keys = ("vehicle_id", "vin", "plate")
    for pk, *known in Vehicle.objects.visible_to(by).values_list("pk", *keys):
        rows._by_key |= {(name, value): pk for name, value in zip(keys, known, strict=True) if value}

    def find(values: Mapping[str, str]) -> int | None:
        given = [(name, _unescaped(values[name])) for name in keys if name in values]
        pk = next((rows._by_key[one] for one in given if one in rows._by_key), None)
        if pk is None:
            pk = -1 - len(rows._by_key)
            rows.names[pk] = given[0][1]
        rows._by_key |= {one: pk for one in given if one not in rows._by_key}
        return pk if pk < 0 else _named(rows, pk, concerned)

    return find


def _named(rows: Rows, pk: int, concerned: Mapping[int, str]) -> int | None:
    if pk not in concerned:
        return None
    rows.names[pk] = concerned[pk]
    return pk


def _reader(rows: Rows) -> Callable[[int, Mapping[str, str]], Event]:
    fleet_ids = dict(Fleet.all_objects.values_list("pk", "fleet_id"))
    received = rows.upload.created_at
    home = "status." if rows.upload.kind == Upload.Kind.STATUSES else "attributes."

    def read(pk: int, values: Mapping[str, str]) -> Event:
        at = datetime.fromisoformat(values["at"]) if "at" in values else received
        said = {f"status.{name}": _value(name, values[name]) for name in STATUS_ATTRIBUTES if name in values}
        is_report = bool(said) or home == "status."
        said |= {name: _main(name, values[name]) for name in MAIN if name in values}
        if "fleet" in said:
            said["fleet_id"] = fleet_ids.get(said["fleet"])
        if "attributes" in values:
            others = orjson.loads(_unescaped(values["attributes"]))
            said |= {f"{home}{name}": value for name, value in others.items()}
        if is_report:
            said["recorded_at"] = as_text(at)
        return pk, ms_of(at) or 0, said, is_report, None

    return read


def _value(name: str, text: str) -> Any:
    return _unescaped(text) if STATUS_ATTRIBUTES[name].kind == "text" else float(text)


def _main(name: str, text: str) -> Any:
    return int(text) if MAIN[name] in ("bigint", "smallint") else _unescaped(text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    for escape, plain in _UNESCAPED.items():
        if escape != "\\\\":
            parts = [part.replace(escape, plain) for part in parts]
    return "\\".join(parts)


def _around(rows: Rows, names: Sequence[Subject]) -> Callable[[Sequence[Found]], list[list[dict[str, Any]]]]:
    """The vehicle's rows before, at and after each firing."""
    events: dict[int, list[Event]] = defaultdict(list)
    for event in rows.events:
        events[event[0]].append(event)

    def near(one: Found) -> list[dict[str, Any]]:
        held = events[one.vehicle]
        before = [event for event in held if event[1] <= one.at][-BEFORE:]
        after = [event for event in held if event[1] > one.at][:AFTER]
        return [_told(event, names) for event in chain(before, after)]

    return lambda firsts: [near(one) for one in firsts]


def _told(event: Event, names: Sequence[Subject]) -> dict[str, Any]:
    values = {subject.name: first_known(subject, event[2]) for subject in names}
    said = {name: value for name, value in values.items() if value is not None}
    return {"at": told_time(time_of(event[1])), "values": said}
