"""What a pattern is made of, once it was read: a tree of conditions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.calendars import Hours
from rules.places import Place


@dataclass(frozen=True, slots=True)
class Subject:
    """An attribute that a comparison may name. ``keys`` say where its value stands: the first known one."""

    name: str
    kind: str
    keys: tuple[str, ...]
    choices: tuple[str, ...] = ()


Table = Mapping[str, Subject]


@dataclass(frozen=True, slots=True)
class Reference:
    """The value of another attribute, and so much more."""

    subject: Subject
    plus: float = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """``value`` is plain, a tuple of plain values, or a ``Reference``."""

    subject: Subject
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a report makes of an attribute: ``rose_by`` or ``fell_by`` over ``value``, or ``changed``.

    ``value`` of ``changed`` is a pair, from what to what; None is any.
    """

    subject: Subject
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class All:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any_:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"


@dataclass(frozen=True, slots=True)
class Lasts:
    """``node`` is true without a break for ``seconds``, and a report says so."""

    node: "Node"
    seconds: float


@dataclass(frozen=True, slots=True)
class Often:
    """``node`` became true ``times`` times within ``seconds``."""

    node: "Node"
    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Silent:
    """No report for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class At:
    """Inside a place, or outside of it."""

    place: Place
    inside: bool
    latitude: Subject
    longitude: Subject


@dataclass(frozen=True, slots=True)
class During:
    hours: Hours


@dataclass(frozen=True, slots=True)
class Due:
    """Maintenance: so many km or months after the last one, whichever comes first, told so far ahead."""

    odometer: Subject
    every_km: float | None = None
    ahead_km: float = 0
    every_months: int | None = None
    ahead_days: float = 0


@dataclass(frozen=True, slots=True)
class Unfit:
    """A node that does not fit the attributes (any more): neither true nor false."""

    text: str


Node = Comparison | Change | All | Any_ | Not | Lasts | Often | Silent | At | During | Due | Unfit
Remembering = Lasts | Often | Due


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Not() | Lasts() | Often():
            return (node.node,)
        case All() | Any_():
            return node.nodes
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, the inner ones first."""
    for child in children(node):
        yield from walk(child)
    yield node


def own_subjects(node: Node) -> tuple[Subject, ...]:
    """The attributes that this very node reads."""
    match node:
        case Comparison(subject, _, Reference(other, _)):
            return (subject, other)
        case Comparison() | Change():
            return (node.subject,)
        case At():
            return (node.latitude, node.longitude)
        case Due():
            return (node.odometer,) if node.every_km is not None else ()
    return ()


def subjects(node: Node) -> set[Subject]:
    return {subject for inner in walk(node) for subject in own_subjects(inner)}


def fields(node: Node) -> frozenset[str]:
    """Names of the attributes that the pattern mentions."""
    return frozenset(subject.name for subject in subjects(node))
