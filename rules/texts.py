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
# Of each value that is put in, and of what comes out: a text of many names would be multiplied without bound.
LONGEST_VALUE = 1_000
LONGEST_TEXT = 50_000
_ALWAYS_NAMES = ("vehicle_id", "plate", "customer", "fleet_id", "rule", "recorded_at")
_NAMES = frozenset((*VEHICLE_ATTRIBUTES, *STATUS_ATTRIBUTES, *_ALWAYS_NAMES))


class Text(Template):
    """``$plate``, ``${plate}``, and ``${next service km}`` for names with blanks; ``$$`` is a dollar sign."""

    flags = re.NOFLAG
    idpattern = r"(?a:[_a-zA-Z][_a-zA-Z0-9]*)"
    braceidpattern = r"[^{}$]{1,100}"


def fill(text: str, texts: Mapping[str, str]) -> str:
    """The text with what is known put in, cut to 50,000 characters; names that nothing has stay as they are."""
    pieces: list[str] = []
    length = end = 0
    for found in Text.pattern.finditer(text):
        pieces += text[end : found.start()], _put_in(found, texts)
        length += len(pieces[-2]) + len(pieces[-1])
        end = found.end()
        if length > LONGEST_TEXT:
            break
    return cut("".join((*pieces, text[end:])), LONGEST_TEXT)


def _put_in(found: re.Match[str], texts: Mapping[str, str]) -> str:
    if found["escaped"] is not None:
        return Text.delimiter
    return texts.get(found["named"] or found["braced"] or "", found[0])


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fill_line(text: str, texts: Mapping[str, str], most: int) -> str:
    """As ``fill``, on one line (a line break in a subject would begin another header), and cut."""
    return one_line(fill(text, texts), most)


def one_line(text: str, most: int) -> str:
    return cut(" ".join(text.split()), most)


def texts_of(known: Mapping[str, Any], at_crossing: Mapping[str, Any], *, rule: str) -> dict[str, str]:
    """A flat dictionary of strings, each cut. What the pattern read is as it was when it became true."""
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
    return cut(str(value), LONGEST_VALUE)
