"""What a file's columns are called and what they hold.

A long file is judged by its first rows, and the judgement is watched while all of it is staged.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from feed_processor.blocks import read_blocks
from feed_processor.convert import CLEAR, PLAIN_NUMBERS, cell_text, is_plain_number
from feed_processor.dates import ORDERS, orders_of
from feed_processor.dialect import MISSING, MOST_COLUMNS, Dialect, UnreadableFile
from feed_processor.free_columns import BOOLEANS
from feed_processor.readers import sniff
from vehicle_management.attributes import STATUSES
from vehicle_management.registry import kind_of

SAMPLES = 5
MOST_SEEN = 20_000
TRIALS = 50


@dataclass
class Profile:
    """What a column's distinct cells allow it to be."""

    samples: list[str] = field(default_factory=list)
    is_number: bool = True
    is_boolean: bool = True
    is_status: bool = True
    kinds: set[str] = field(default_factory=set)
    orders: frozenset[str] = ORDERS
    dates: int = 0
    others: int = 0
    _seen: set[str] = field(default_factory=set)

    @property
    def is_settled(self) -> bool:
        """Nothing more can be learned: it is plain text."""
        undated = self.dates == 0 and self.others >= TRIALS
        return (
            undated
            and not (self.is_number or self.is_boolean or self.is_status)
            and len(self.samples) == SAMPLES
        )

    @property
    def _has_seen_enough(self) -> bool:
        """A column of numbers, of which only a cell that is none would tell more."""
        return self.is_number and not self.is_boolean and not self.dates and len(self._seen) > TRIALS

    @property
    def kind(self) -> str:
        if self.kinds:
            return self.kinds.copy().pop() if len(self.kinds) == 1 else "text"
        if not self.samples:
            return "text"
        return "boolean" if self.is_boolean else "number" if self.is_number else "text"

    def look_at_block(self, cells: Sequence[Any]) -> None:
        """A CSV's cells come as a tuple of texts, JSON's values as a list."""
        if isinstance(cells, tuple):
            self.look_at(cells)
        else:
            self.look_at_json(cells)

    def look_at(self, cells: Sequence[Any]) -> None:
        if self.is_settled or (self._has_seen_enough and PLAIN_NUMBERS.match("\n".join(cells))):
            return
        fresh = set(cells) - self._seen
        for cell in fresh:
            self._learn(cell.strip())
        if len(self._seen) < MOST_SEEN:
            self._seen |= fresh

    def look_at_json(self, values: Iterable[Any]) -> None:
        told = [value for value in values if value is not MISSING and value is not None]
        self.kinds.update(kind_of(value) for value in told)
        self.look_at([cell_text(value) for value in told])

    def _learn(self, cell: str) -> None:
        if not cell or cell == CLEAR:
            return
        if len(self.samples) < SAMPLES:
            self.samples.append(cell[:100])
        self.is_number = self.is_number and is_plain_number(cell)
        self.is_boolean = self.is_boolean and cell.lower() in BOOLEANS
        self.is_status = self.is_status and cell.upper().replace(" ", "_") in STATUSES
        if self.dates or self.others < TRIALS:
            self._learn_date(cell)

    def _learn_date(self, cell: str) -> None:
        orders = orders_of(cell)
        if orders:
            self.dates += 1
            self.orders = self.orders & orders
        else:
            self.others += 1


@dataclass
class Survey:
    dialect: Dialect
    rows: int = 0
    is_whole: bool = True
    profiles: dict[str, Profile] = field(default_factory=dict)

    @property
    def headers(self) -> list[str]:
        return list(self.profiles)


def survey(
    stream: BinaryIO, *, most_rows: int | None = None, on_progress: Callable[[int], None] = lambda rows: None
) -> Survey:
    """Read the file, or its first ``most_rows``. Raises UnreadableFile; ``on_progress`` is told the rows read."""
    found = Survey(sniff(stream))
    found.profiles.update({header: Profile() for header in found.dialect.headers})
    for block in read_blocks(stream, found.dialect):
        found.rows += len(block)
        for header, cells in block.columns.items():
            found.profiles.setdefault(header, Profile()).look_at_block(cells)
        if len(found.profiles) > MOST_COLUMNS:
            raise UnreadableFile(_("The items have more than 500 different names; send fewer."))
        on_progress(found.rows)
        if most_rows and found.rows >= most_rows:
            found.is_whole = False
            break
    return found
