"""Cells to values, a column at a time: each distinct cell of a column is worked on once.

A parser takes a trimmed, filled cell and answers the text that COPY takes for it. It raises
``Refused`` with a sentence that says what would be right.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
from django.utils.translation import gettext as _

from feed_processor.dates import parse_date, parse_time
from vehicle_management import vin
from vehicle_management.attributes import STATUS_ATTRIBUTES, STATUSES, Attribute
from vehicle_management.models import FIRST_MODEL_YEAR

NULL = "\\N"
# What JSON's null becomes in a column of cells; no cell of a file can be this, as it holds a NUL.
CLEAR = "\x00null"
MEMO_SIZE = 50_000
LEAST_SWEPT = 8
MOST_TIME_AHEAD = timedelta(minutes=5)

_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
PLAIN_NUMBERS = re.compile(
    r"(?:(?:-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?)?\n)*(?:-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?)?\Z"
)
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?\Z")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?\Z|[-+]?\.\d+\Z")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d+)?\Z")
_DECIMAL_COMMA = re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+\Z")
_EMAIL = re.compile(r"[^@\s<>,;:\"\\()\[\]]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")

Parser = Callable[[str], str]


class Refused(ValueError):
    """A cell that cannot be stored; ``code`` groups faults of one kind."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row; ``level`` NOTICE tells without keeping the row out."""

    row: int
    column: str
    value: str
    code: str
    message: str
    level: str = "FAULT"


def escaped(text: str) -> str:
    """Text as COPY's text format takes it."""
    return text.translate(_ESCAPED) if not text.isprintable() or "\\" in text else text


def number_text(cell: str) -> str:
    """A number as people write it (10,412 or 10 412 or 12,5), written plainly. Raises Refused."""
    bare = cell.strip()
    if not _NUMBER.match(bare):
        if _GROUPED.match(bare):
            bare = re.sub(r"[,' \u00a0\u202f]", "", bare)
        elif _DECIMAL_COMMA.match(bare):
            bare = bare.replace(".", "").replace(",", ".")
        else:
            raise Refused(_("“%(value)s” is not a number.") % {"value": cell[:100]}, "not_a_number")
    return bare


def is_plain_number(cell: str) -> bool:
    """Digits that are the same number when written again: no leading zeros, no exponent, no grouping."""
    return _PLAIN_NUMBER.match(cell) is not None


# Takes a whole column where nothing in it needs a closer look, else answers None.
Sweep = Callable[[Sequence[str]], list[str] | None]


class Column:
    """One column's parser with its memory: ``convert`` answers COPY texts, and the faulty places."""

    def __init__(self, header: str, parse: Parser, sweep: Sweep | None = None) -> None:
        self.header = header
        self.parse = parse
        self.sweep = sweep
        self._memo: dict[str, str] = {"": NULL, CLEAR: NULL}
        self._refused: dict[str, Refused] = {}

    def convert(self, cells: Sequence[str]) -> tuple[list[str], list[tuple[int, Refused]]]:
        if self.sweep:
            return self._swept(self.sweep, cells, 0)
        return self._remembered(cells)

    def _swept(
        self, sweep: Sweep, cells: Sequence[str], first: int
    ) -> tuple[list[str], list[tuple[int, Refused]]]:
        """Sweep the column, or its halves: one faulty cell costs a closer look at its neighbours alone."""
        swept = sweep(cells)
        if swept is not None:
            return swept, []
        if len(cells) <= LEAST_SWEPT:
            texts, faults = self._remembered(cells)
            return texts, [(first + index, error) for index, error in faults]
        middle = len(cells) // 2
        left, left_faults = self._swept(sweep, cells[:middle], first)
        right, right_faults = self._swept(sweep, cells[middle:], first + middle)
        return left + right, left_faults + right_faults

    def _remembered(self, cells: Sequence[str]) -> tuple[list[str], list[tuple[int, Refused]]]:
        try:
            texts = [self._memo[cell] for cell in cells]
        except KeyError:
            self._learn(set(cells))
            texts = [self._memo[cell] for cell in cells]
        refused = self._refused
        if refused.keys().isdisjoint(cells):
            return texts, []
        return texts, [(index, refused[cell]) for index, cell in enumerate(cells) if cell in refused]

    def _learn(self, cells: set[str]) -> None:
        if len(self._memo) > MEMO_SIZE:
            self._memo = {"": NULL, CLEAR: NULL}
            self._refused.clear()
        for cell in cells.difference(self._memo):
            self._memo[cell] = self._parsed(cell)

    def _parsed(self, cell: str) -> str:
        trimmed = cell.strip()
        try:
            return self._checked(trimmed) if trimmed else NULL
        except Refused as error:
            # Not the error itself, whose traceback would keep the whole block.
            self._refused[cell] = Refused(str(error), error.code)
            return NULL

    def _checked(self, trimmed: str) -> str:
        if "\x00" in trimmed:
            raise Refused(_("The cell holds a NUL character, which cannot be stored."), "nul")
        return self.parse(trimmed)


def text_sweep(most: int, *, upper: bool = False, refused: str = "\\") -> Sweep:
    """Texts that are short, printable and free of ``refused`` characters are what they are, but for blanks around."""

    def sweep(cells: Sequence[str]) -> list[str] | None:
        trimmed = [cell.strip() for cell in cells]
        joined = "".join(trimmed)
        if not joined.isprintable() or any(character in joined for character in refused):
            return None
        if max(map(len, trimmed), default=0) > most:
            return None
        return [cell.upper() or NULL for cell in trimmed] if upper else [cell or NULL for cell in trimmed]

    return sweep


def number_sweep(attribute: Attribute) -> Sweep:
    """Plain numbers within the bounds are what they are."""
    least, most = attribute.least or 0.0, attribute.most or 0.0

    def sweep(cells: Sequence[str]) -> list[str] | None:
        if not PLAIN_NUMBERS.match("\n".join(cells)):
            return None
        numbers = [float(cell) for cell in cells if cell]
        if numbers and not (least <= min(numbers) and max(numbers) <= most):
            return None
        return [cell or NULL for cell in cells]

    return sweep


def sweep_for(type_: str, factor: float) -> Sweep | None:
    """Types whose cells are mostly different from each other; for the others the memory is quicker."""
    if type_.startswith("number:") and factor == 1.0:
        return number_sweep(STATUS_ATTRIBUTES[type_.removeprefix("number:")])
    sweeps = {
        "id": lambda: text_sweep(64, refused="\\/"),
        "vin": lambda: text_sweep(64, upper=True),
        "plate": lambda: text_sweep(32),
    }
    return sweeps[type_]() if type_ in sweeps else None


def text_parser(most: int) -> Parser:
    def parse(cell: str) -> str:
        if len(cell) > most:
            message = _("The text has %(n)d characters; up to %(most)d are stored.")
            raise Refused(message % {"n": len(cell), "most": most}, "too_long")
        return escaped(cell)

    return parse


def parse_id(cell: str) -> str:
    if len(cell) > 64 or "/" in cell or not cell.isprintable():
        message = _("“%(value)s” is not an id: 1 to 64 characters without “/” and control characters are.")
        raise Refused(message % {"value": cell[:100]}, "not_an_id")
    return escaped(cell)


def parse_vin(cell: str) -> str:
    if len(cell) > 64 or not cell.isprintable():
        raise Refused(
            _("“%(value)s” is not a VIN: that has 17 letters and digits.") % {"value": cell[:100]},
            "not_a_vin",
        )
    return escaped(vin.normalise(cell))


def year_parser(order: str) -> Parser:
    latest = datetime.now(UTC).year + 1

    def parse(cell: str) -> str:
        year = int(cell) if cell.isdecimal() and len(cell) <= 4 else None
        if year is None and cell.endswith(".0") and cell[:-2].isdecimal():
            year = int(cell[:-2])
        if year is None and (found := parse_date(cell, order)):
            year = found.year
        if year is None or not FIRST_MODEL_YEAR <= year <= latest:
            message = _("“%(value)s” is not a year between %(first)d and %(latest)d.")
            raise Refused(
                message % {"value": cell[:100], "first": FIRST_MODEL_YEAR, "latest": latest}, "not_a_year"
            )
        return str(year)

    return parse


def date_parser(order: str) -> Parser:
    def parse(cell: str) -> str:
        found = parse_date(cell, order)
        if found is None:
            message = _("“%(value)s” is not a date such as 2026-01-31 (this column is read as %(order)s).")
            raise Refused(message % {"value": cell[:100], "order": order}, "not_a_date")
        return found.isoformat()

    return parse


def time_parser(order: str, zone: ZoneInfo, *, may_be_ahead: bool) -> Parser:
    latest = datetime.now(UTC) + MOST_TIME_AHEAD

    def parse(cell: str) -> str:
        found = parse_time(cell, order, zone)
        if found is None:
            message = _(
                "“%(value)s” is not a time such as 2026-01-31T14:05:00+01:00 (dates are read as %(order)s)."
            )
            raise Refused(message % {"value": cell[:100], "order": order}, "not_a_time")
        if not may_be_ahead and found > latest:
            message = _("“%(value)s” lies more than 5 minutes ahead; a status is of now or of the past.")
            raise Refused(message % {"value": cell[:100]}, "time_ahead")
        return found.isoformat()

    return parse


def number_parser(attribute: Attribute, factor: float) -> Parser:
    least, most = attribute.least or 0.0, attribute.most or 0.0

    def parse(cell: str) -> str:
        bare = cell.removesuffix(attribute.unit).rstrip() if attribute.unit else cell
        number = float(number_text(bare)) * factor
        if not math.isfinite(number) or not least <= number <= most:
            message = _("%(value)s is not between %(least)s and %(most)s %(unit)s.")
            bounds = {
                "value": cell[:100],
                "least": f"{least:g}",
                "most": f"{most:,.0f}",
                "unit": attribute.unit,
            }
            raise Refused(message % bounds, "out_of_range")
        return repr(round(number, 6))

    return parse


def choice_parser(choices: Sequence[str], *, upper: bool) -> Parser:
    def parse(cell: str) -> str:
        text = cell.replace(" ", "_").replace("-", "_")
        text = text.upper() if upper else text.lower()
        if text not in choices:
            message = _("“%(value)s” is none of %(choices)s.")
            raise Refused(message % {"value": cell[:100], "choices": ", ".join(choices)}, "not_a_choice")
        return text

    return parse


def parse_email(cell: str) -> str:
    if len(cell) > 254 or not _EMAIL.match(cell):
        message = _("“%(value)s” is not an e-mail address such as name@example.org.")
        raise Refused(message % {"value": cell[:100]}, "not_an_email")
    return escaped(cell.lower())


def parser_for(
    type_: str, *, order: str, zone: ZoneInfo, factor: float = 1.0, may_be_ahead: bool = False
) -> Parser:
    """The parser that ``schemas.Field.type`` names."""
    if type_.startswith("text"):
        return text_parser(int(type_.removeprefix("text")))
    if type_.startswith("number:"):
        return number_parser(STATUS_ATTRIBUTES[type_.removeprefix("number:")], factor)
    makers: dict[str, Callable[[], Parser]] = {
        "id": lambda: parse_id,
        "vin": lambda: parse_vin,
        "plate": lambda: text_parser(32),
        "notes": lambda: text_parser(10_000),
        "year": lambda: year_parser(order),
        "date": lambda: date_parser(order),
        "time": lambda: time_parser(order, zone, may_be_ahead=may_be_ahead),
        "status": lambda: choice_parser(STATUSES, upper=True),
        "task_status": lambda: choice_parser(("created", "complete", "canceled"), upper=False),
        "email": lambda: parse_email,
        "fleet": lambda: text_parser(64),
        "customer": lambda: text_parser(254),
    }
    return makers[type_]()


def cell_text(value: object) -> str:
    """A JSON value as a cell: nothing is empty, null clears, the rest as JSON writes it."""
    if value is None:
        return CLEAR
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return orjson.dumps(value, default=str).decode()
