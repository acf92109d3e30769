"""The first pass over a file: what its columns are called, what they hold, and how many rows there are.

Nothing is written before the whole file has been read once, so a file that breaks in its last line
changes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from feed_processor.blocks import read_blocks
from feed_processor.convert import CLEAR, cell_text, is_plain_number
from feed_processor.dates import ORDERS, orders_of
from feed_processor.dialect import MISSING, MOST_COLUMNS, Dialect, UnreadableFile
from feed_processor.readers import sniff
from feed_processor.free_columns import BOOLEANS
from vehicle_management.attributes import STATUSES
from vehicle_management.registry import kind_of

SAMPLES = 5
MOST_SEEN = 5_000
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
        return undated and not (self.is_number or self.is_boolean or self.is_status) and len(self.samples) == SAMPLES

    @property
    def kind(self) -> str:
        if self.kinds:
            return self.kinds.copy().pop() if len(self.kinds) == 1 else "text"
        if not self.samples:
            return "text"
        return "boolean" if self.is_boolean else "number" if self.is_number else "text"

    def look_at(self, cells: Iterable[Any]) -> None:
        if self.is_settled:
            return
        fresh = set(cells) - self._seen
        for cell in fresh:
            self._learn(cell.strip())
        if len(self._seen) < MOST_SEEN:
            self._seen |= fresh

    def look_at_json(self, values: Iterable[Any]) -> None:
        told = [value for value in values if value is not MISSING and value is not None]
        self.kinds.update(kind_of(value) for value in told)
        self.look_at(cell_text(value) for value in told)

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
    profiles: dict[str, Profile] = field(default_factory=dict)

    @property
    def headers(self) -> list[str]:
        return list(self.profiles)


def survey(stream: BinaryIO, on_progress: Callable[[int], None] = lambda rows: None) -> Survey:
    """Read the whole file once. Raises UnreadableFile; ``on_progress`` is told the rows read so far."""
    found = Survey(sniff(stream))
    found.profiles.update({header: Profile() for header in found.dialect.headers})
    is_json = found.dialect.format != "csv"
    for block in read_blocks(stream, found.dialect):
        found.rows += len(block)
        for header, cells in block.columns.items():
            profile = found.profiles.setdefault(header, Profile())
            (profile.look_at_json if is_json else profile.look_at)(cells)
        if len(found.profiles) > MOST_COLUMNS:
            raise UnreadableFile(f"The items have more than {MOST_COLUMNS} different names; send fewer.")
        on_progress(found.rows)
    return found
