"""How a file is read, and what can be wrong with reading it."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_COLUMNS = 500
# What an item of JSON does not say at all; null says that it clears.
MISSING = object()


class UnreadableFile(ValueError):
    """The file cannot be read as CSV or JSON; the message says why and what would be right."""


@dataclass
class Dialect:
    """How a file is read. ``path`` names the key that holds the array in a JSON object."""

    format: str  # "csv", "json" or "jsonl"
    encoding: str = "utf-8"
    delimiter: str = ""
    header_row: int = 1
    path: str = ""
    headers: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in ("", [])}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Dialect":
        return cls(**data)


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be framed, with the reason as a sentence."""

    message: str
    code: str = "row_shape"
    value: str = ""


def unique_headers(row: list[str]) -> list[str]:
    """Headers trimmed, blank ones named by their place, repeated ones numbered."""
    seen: Counter[str] = Counter()
    headers = []
    for place, cell in enumerate(row, start=1):
        name = " ".join(cell.replace("\x00", "").split()) or f"column {place}"
        seen[name] += 1
        headers.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return headers
