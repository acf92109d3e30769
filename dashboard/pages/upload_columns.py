"""The mapping of an upload's columns: what each became, and what a person may choose instead."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext as _

from dashboard.pages.vehicle_facts import label_of
from feed_processor.schemas import SCHEMAS, match_columns
from file_manager.models import Upload
from vehicle_management.attributes import STATUS_ATTRIBUTES

LEFT_OUT, AS_ATTRIBUTE = "-", "attributes."
KEEPS_ATTRIBUTES = ("vehicles", "statuses", "customers")
HOW = {
    "matched": ("matched by name", "green"),
    "chosen": ("chosen", "blue"),
    "attribute": ("kept as attribute", "azure"),
    "left out": ("left out", "gray"),
    "unknown": ("not clear yet", "yellow"),
}


@dataclass
class MappedColumn:
    place: int
    header: str
    samples: list[str]
    field: str | None
    how: str
    told: str
    colour: str
    choices: list[tuple[str, str]]


def mapping_rows(upload: Upload, kind: str, choice: Mapping[int, str] | None = None) -> list[MappedColumn]:
    """As planned; as the headers tell where the person just chose another kind; as they chose."""
    is_planned = kind == upload.kind
    guessed = {} if is_planned or kind not in SCHEMAS else match_columns(_headers(upload), SCHEMAS[kind])
    rows = []
    for place, column in enumerate(upload.columns):
        header = column["header"]
        field, how = (column["field"], column["how"]) if is_planned else _guess(header, guessed, kind)
        if choice and choice[place]:
            field, how = (None, "left out") if choice[place] == LEFT_OUT else (choice[place], "chosen")
        told, colour = HOW.get(how, (how, "gray"))
        rows.append(
            MappedColumn(
                place, header, column["samples"], field, how, _(told), colour, _own(header, field, kind)
            )
        )
    return rows


def _guess(header: str, guessed: dict[str, str], kind: str) -> tuple[str | None, str]:
    if header in guessed:
        return guessed[header], "matched"
    if kind in KEEPS_ATTRIBUTES:
        return f"{AS_ATTRIBUTE}{header[:100]}", "attribute"
    return None, "left out" if kind in SCHEMAS else "unknown"


def _own(header: str, field: str | None, kind: str) -> list[tuple[str, str]]:
    """The attribute that the column may be kept as."""
    if field and field.startswith(AS_ATTRIBUTE):
        return [(field, field)]
    name = f"{AS_ATTRIBUTE}{header[:100]}"
    return [(name, name)] if kind in KEEPS_ATTRIBUTES else []


def _headers(upload: Upload) -> list[str]:
    return [column["header"] for column in upload.columns]


def target_groups(kind: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The fields that a column of this kind may become, its keys first."""
    schema = SCHEMAS.get(kind)
    if schema is None:
        return []
    keys = [(name, _label(name)) for name in schema.keys]
    status = [
        (name, _label(name)) for name in schema.fields if name in STATUS_ATTRIBUTES or name == "recorded_at"
    ]
    known = {name for name, _told in (*keys, *status)}
    main = [(name, _label(name)) for name in schema.fields if name not in known]
    groups = [(_("What a row is known by"), keys), (_("Fields"), main), (_("Status"), status)]
    return [(label, fields) for label, fields in groups if fields]


def _label(name: str) -> str:
    known = label_of(f"status.{name}") if name in STATUS_ATTRIBUTES else label_of(name)
    return f"{name} · {known}" if str(known) != name else name


def selected(upload: Upload, data: QueryDict) -> dict[int, str]:
    """What the selects say, by the columns' places."""
    return {place: data.get(f"column-{place}", "") for place in range(len(upload.columns))}


def chosen_mapping(upload: Upload, kind: str, choice: Mapping[int, str]) -> dict[str, str | None]:
    """The whole choice where it differs from the plan; nothing where the plan was right.

    A field that was moved to another column leaves the column that had it by name.
    """
    planned = {one.header: one.field for one in mapping_rows(upload, kind)}
    mapping = {
        column["header"]: None if choice[place] == LEFT_OUT else choice[place]
        for place, column in enumerate(upload.columns)
        if choice[place]
    }
    if kind == upload.kind and all(planned[header] == field for header, field in mapping.items()):
        return {}
    moved = {field for header, field in mapping.items() if field and field != planned[header]}
    return {
        header: field for header, field in mapping.items() if field not in moved or field != planned[header]
    }
