"""Which rules a change may matter to: found by what it crosses, and not by asking every rule.

A pattern's truth can only move where that of one of its conditions does. A comparison with a number moves where
the old and the new value lie on two sides of it: the numbers of all rules stand sorted, and a change touches
those between its ends. A text touches the rules that name the old or the new one. A position touches the rules
whose place it is near to. What cannot be told from the two values (a comparison with another attribute, a
regular expression) is touched by every change of its attribute.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from math import floor
from typing import Any, Generic, TypeVar

from rules.moments import ms_of
from rules.nodes import At, Change, Comparison, Due, During, Node, Reference, Silent, own_subjects, walk
from rules.places import Box

R = TypeVar("R")
RECORDED_AT = "recorded_at"
LATITUDE, LONGITUDE = "status.latitude", "status.longitude"
CELLS_OF_A_DEGREE = 20
MOST_CELLS = 400
_NUMBERS = (float, int)
_PLAIN = (str, bool)


def _is_alike(old: Any, new: Any) -> bool:
    """Both known, and of one kind: what does not fit its attribute is not known to rules."""
    return type(old) is type(new) is not type(None) or (type(old) in _NUMBERS and type(new) in _NUMBERS)


class _Attribute(Generic[R]):
    """The rules that read one key of a vehicle's values."""

    def __init__(self) -> None:
        self.all: set[R] = set()
        self._always: set[R] = set()
        self._at_number: dict[float, set[R]] = defaultdict(set)
        self._of_value: dict[Any, set[R]] = defaultdict(set)
        self._numbers: list[float] = []
        self._rules: list[set[R]] = []

    def add(self, rule: R, node: Node) -> None:
        self.all.add(rule)
        if not isinstance(node, Comparison) or isinstance(node.value, Reference):
            self._always.add(rule)
        elif node.operator in ("is_set", "is_not_set"):
            # A text may be a time or none, which its type does not tell.
            if node.subject.kind in ("time", "date"):
                self._always.add(rule)
        elif len(node.subject.keys) > 1 and node.subject.kind not in ("number", "text", "boolean"):
            self._always.add(rule)
        else:
            self._add_values(rule, node)

    def _add_values(self, rule: R, node: Comparison) -> None:
        values = node.value if isinstance(node.value, tuple) else (node.value,)
        if node.subject.kind == "number":
            for value in values:
                self._at_number[value].add(rule)
        elif node.operator in ("eq", "ne", "in", "not_in") and node.subject.kind in ("text", "boolean"):
            for value in values:
                self._of_value[value].add(rule)
        else:
            self._always.add(rule)

    def sort(self) -> None:
        self._numbers = sorted(self._at_number)
        self._rules = [self._at_number[number] for number in self._numbers]

    def touched(self, old: Any, new: Any) -> Iterable[R]:
        """Some more rules than those whose truth moves, and none less."""
        if not _is_alike(old, new):
            return self.all
        found: list[Iterable[R]] = [self._always]
        if self._numbers:
            if type(old) not in _NUMBERS or type(new) not in _NUMBERS:
                return self.all
            low, high = (old, new) if old < new else (new, old)
            found += self._rules[bisect_left(self._numbers, low) : bisect_right(self._numbers, high)]
        if self._of_value:
            if type(old) not in _PLAIN:
                return self.all
            found += (self._of_value.get(old, ()), self._of_value.get(new, ()))
        return chain.from_iterable(found)


class _Places(Generic[R]):
    """The rules that ask where a vehicle is, by squares of the map and, for large places, by their bounds."""

    def __init__(self) -> None:
        self.all: set[R] = set()
        self._large: list[tuple[Box, R]] = []
        self._of_cell: dict[tuple[int, int], set[R]] = defaultdict(set)

    def add(self, rule: R, node: At) -> None:
        self.all.add(rule)
        box = node.place.box()
        south, west = _cell(box.south, box.west)
        north, east = _cell(box.north, box.east)
        if (north - south + 1) * (east - west + 1) > MOST_CELLS:
            self._large.append((box, rule))
            return
        for row in range(south, north + 1):
            for column in range(west, east + 1):
                self._of_cell[row, column].add(rule)

    def touched(self, latitudes: Sequence[Any], longitudes: Sequence[Any]) -> Iterable[R]:
        """By the positions before and after; all of them where one is not known."""
        if None in latitudes or None in longitudes:
            return self.all
        found: set[R] = set()
        for latitude, longitude in zip(latitudes, longitudes, strict=True):
            found |= self._of_cell.get(_cell(latitude, longitude), set())
            found.update(rule for box, rule in self._large if box.holds(latitude, longitude))
        return found


def _cell(latitude: float, longitude: float) -> tuple[int, int]:
    return floor(latitude * CELLS_OF_A_DEGREE), floor(longitude * CELLS_OF_A_DEGREE)


class _Clock(Generic[R]):
    """The rules for which time passes from one report to the next: silence, and hours that begin or end."""

    def __init__(self) -> None:
        self.all: set[R] = set()
        self._silences: list[tuple[float, R]] = []
        self._hours: list[tuple[Any, R]] = []

    def add(self, rule: R, node: Node) -> None:
        self.all.add(rule)
        if isinstance(node, Silent):
            self._silences.append((node.seconds * 1000, rule))
        elif isinstance(node, During):
            self._hours.append((node.hours, rule))

    def touched(self, old: Any, new: Any, asked_until: int) -> Iterable[R]:
        """``asked_until``: the clock has been asked up to then, also for what is reported only now."""
        if old is None or new is None:
            return self.all
        before, after = ms_of(old) or 0, ms_of(new) or 0
        until = max(after, asked_until)
        silent = [rule for ms, rule in self._silences if after - before >= ms or until - after >= ms]
        return [
            *silent,
            *(rule for hours, rule in self._hours if hours.next_edge(before / 1000) * 1000 <= until),
        ]


class Index(Generic[R]):
    def __init__(self) -> None:
        self._of_key: dict[str, _Attribute[R]] = defaultdict(_Attribute)
        self._places: _Places[R] = _Places()
        self._clock: _Clock[R] = _Clock()

    def add(self, rule: R, trees: Iterable[Node]) -> None:
        for node in chain.from_iterable(map(walk, trees)):
            if isinstance(node, At):
                self._places.add(rule, node)
            elif isinstance(node, Silent | During):
                self._clock.add(rule, node)
            elif isinstance(node, Comparison | Change | Due):
                for key in (key for subject in own_subjects(node) for key in subject.keys):
                    self._of_key[key].add(rule, node)

    def sort(self) -> None:
        for attribute in self._of_key.values():
            attribute.sort()

    def of(self, fields: Sequence[str], asked_until: int = 0) -> "Columns[R]":
        return Columns(self, fields, asked_until)


class Columns(Generic[R]):
    """The columns of a change batch that rules read."""

    def __init__(self, index: Index[R], fields: Sequence[str], asked_until: int) -> None:
        place = {name: column for column, name in enumerate(fields)}
        of_key, self._places, self._clock = index._of_key, index._places, index._clock
        self._asked_until = asked_until
        self._attributes = [(column, of_key[name]) for name, column in place.items() if name in of_key]
        self._position = (place.get(LATITUDE), place.get(LONGITUDE))
        self._moves = self._position != (None, None) and bool(self._places.all)
        self._recorded = place.get(RECORDED_AT) if self._clock.all else None
        self.is_empty = not (self._attributes or self._moves or self._recorded is not None)

    def touched(self, old: Sequence[Any], new: Sequence[Any]) -> set[R]:
        """The rules to ask, for a row's old and new values."""
        found: set[R] = set()
        for column, attribute in self._attributes:
            before, after = old[column], new[column]
            # True equals 1, and is another kind.
            if before != after or type(before) is not type(after):
                found.update(attribute.touched(before, after))
        if self._moves:
            found.update(self._places_of(old, new))
        if self._recorded is not None:
            before, after = old[self._recorded], new[self._recorded]
            found.update(self._clock.touched(before, after, self._asked_until))
        return found

    def _places_of(self, old: Sequence[Any], new: Sequence[Any]) -> Iterable[R]:
        latitude, longitude = self._position
        if latitude is None or longitude is None:
            return self._places.all
        latitudes, longitudes = (old[latitude], new[latitude]), (old[longitude], new[longitude])
        if latitudes[0] == latitudes[1] and longitudes[0] == longitudes[1]:
            return ()
        return self._places.touched(latitudes, longitudes)
