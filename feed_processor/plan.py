"""What each column of a file becomes: matched by name, chosen by a person, or kept as an attribute."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from feed_processor.convert import Refused, number_text
from feed_processor.schemas import SCHEMAS, Schema, guess_kind, match_columns
from feed_processor.survey import Profile, Survey

ATTRIBUTE = "attributes."


class UnclearFile(ValueError):
    """A person has to say what the file is, or which column is the key; the message asks for it."""


class BadMapping(ValueError):
    """A chosen mapping names a column or a field that is not there."""


@dataclasses.dataclass(frozen=True)
class PlannedColumn:
    """``field`` is a field of the schema, ``attributes.<name>``, or None where the column is left out."""

    header: str
    samples: list[str]
    field: str | None
    how: str  # "matched", "chosen", "attribute" or "left out"
    kind: str = "text"
    orders: list[str] = dataclasses.field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def plan_columns(found: Survey, kind: str, chosen: Mapping[str, str | None]) -> list[PlannedColumn]:
    """Every column's part in a file of this kind. Raises BadMapping."""
    schema = SCHEMAS[kind]
    check_mapping(chosen, found.headers, schema)
    matched = _plausible(match_columns(found.headers, schema), found, kind)
    taken = {target for target in chosen.values() if target}
    return [
        _planned(header, profile, chosen, {h: f for h, f in matched.items() if f not in taken}, kind)
        for header, profile in found.profiles.items()
    ]


def unknown_columns(found: Survey) -> list[PlannedColumn]:
    """The columns of a file whose kind nobody knows yet."""
    return [_column(header, profile, None, "unknown") for header, profile in found.profiles.items()]


def check_mapping(chosen: Mapping[str, str | None], headers: Sequence[str], schema: Schema) -> None:
    unknown = sorted(chosen.keys() - set(headers))
    if unknown:
        raise BadMapping(_("The file has no column “%(name)s”.") % {"name": unknown[0]})
    targets = [target for target in chosen.values() if target is not None]
    for target in targets:
        if target not in schema.fields and not (target.startswith(ATTRIBUTE) and 10 < len(target) <= 111):
            known = ", ".join(schema.fields)
            message = _(
                "“%(target)s” is no field of %(kind)s; choose one of %(known)s, or attributes.<name>."
            )
            raise BadMapping(message % {"target": target, "kind": schema.kind, "known": known})
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice:
        raise BadMapping(_("Two columns are mapped to “%(target)s”; choose one of them.") % {"target": twice})


def kind_of(found: Survey) -> str:
    """Raises UnclearFile where the headers do not tell."""
    kind = guess_kind(found.headers)
    if kind is None:
        raise UnclearFile(
            _("The headers do not tell whether these are vehicles, customers, statuses or tasks; choose one.")
        )
    return kind


def demand_key(columns: Sequence[PlannedColumn], kind: str) -> None:
    """Raises UnclearFile where no column is a key (a task needs none, but a title)."""
    fields = {column.field for column in columns}
    needed = {"title"} if kind == "tasks" and not fields & {"external_id"} else set(SCHEMAS[kind].keys)
    if not fields & needed:
        names = ", ".join(sorted(needed))
        raise UnclearFile(
            _("No column is known as a key of %(kind)s; choose which one is %(names)s.")
            % {"kind": kind, "names": names}
        )


def _planned(
    header: str, profile: Profile, chosen: Mapping[str, str | None], matched: Mapping[str, str], kind: str
) -> PlannedColumn:
    if header in chosen:
        target = chosen[header]
        return _column(header, profile, target, "chosen" if target else "left out")
    if header in matched:
        return _column(header, profile, matched[header], "matched")
    if kind == "tasks":
        return _column(header, profile, None, "left out")
    name = header.removeprefix(ATTRIBUTE)[:100]
    return _column(header, profile, ATTRIBUTE + name, "attribute")


def _column(header: str, profile: Profile, target: str | None, how: str) -> PlannedColumn:
    orders = sorted(profile.orders) if profile.dates else []
    return PlannedColumn(header, profile.samples, target, how, str(profile.kind), orders)


def _plausible(matched: dict[str, str], found: Survey, kind: str) -> dict[str, str]:
    """A vehicle file's “Status: sold” or “Load: heavy” is the file's own attribute, not the vehicle's status."""
    if kind != "vehicles":
        return matched
    types = SCHEMAS[kind].fields
    return {
        header: name
        for header, name in matched.items()
        if _looks_like(types[name].type, found.profiles[header])
    }


def _looks_like(type_: str, profile: Profile) -> bool:
    if type_ == "status":
        return profile.is_status
    if type_ == "time":
        return profile.dates > 0
    if not type_.startswith("number:"):
        return True
    try:
        for sample in profile.samples:
            number_text(sample)
    except Refused:
        return False
    return True
