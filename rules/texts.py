"""Texts that staff write into actions: flat ``$`` placeholders and nothing else.

Only names of a flat dictionary of strings are put in. Django templates and ``str.format`` would reach
through attributes to whatever hangs on them.
"""

import re
from collections.abc import Mapping
from string import Template
from typing import Any

from rules.scope import SCOPE_FIELDS
from rules.wording import shown_number
from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES

UNKNOWN = "unknown"
_ALWAYS_NAMES = ("vehicle_id", "plate", "customer", "fleet_id", "rule", "recorded_at")
_NAMES = frozenset((*VEHICLE_ATTRIBUTES, *STATUS_ATTRIBUTES, *_ALWAYS_NAMES))


class Text(Template):
    """``$plate``, ``${plate}``, and ``${next service km}`` for names with blanks; ``$$`` is a dollar sign."""

    flags = re.NOFLAG
    idpattern = r"(?a:[_a-zA-Z][_a-zA-Z0-9]*)"
    braceidpattern = r"[^{}$]{1,100}"


def fill(text: str, texts: Mapping[str, str]) -> str:
    """The text with what is known put in; names that nothing has stay as they are."""
    return Text(text).safe_substitute(texts)


def fill_line(text: str, texts: Mapping[str, str], most: int) -> str:
    """As ``fill``, on one line (a line break in a subject would begin another header), and cut."""
    return one_line(fill(text, texts), most)


def one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def texts_of(known: Mapping[str, Any], at_crossing: Mapping[str, Any], *, rule: str) -> dict[str, str]:
    """A flat dictionary of strings. What the pattern read is as it was when it became true."""
    texts = dict.fromkeys(_NAMES, UNKNOWN)
    texts.update((name, _text(value)) for name, value in known.items() if value is not None)
    texts.update((name, _text(value)) for name, value in read_by_name(at_crossing).items())
    return {**texts, "rule": rule}


def read_by_name(at_crossing: Mapping[str, Any]) -> dict[str, Any]:
    """By plain name: the status's value stands before the vehicle's."""
    read: dict[str, Any] = {}
    for key in sorted(
        at_crossing.keys() - SCOPE_FIELDS, key=lambda key: (not key.startswith("attributes."), key)
    ):
        name = key.removeprefix("status.").removeprefix("attributes.")
        if at_crossing[key] is not None or name not in read:
            read[name] = at_crossing[key]
    return read


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return shown_number(value, grouped=False)
    return str(value)
