"""Each node of a pattern at a moment: true, false or not known, and why, or what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass

from rules.matching import Moment, Slots, Truth, compile_pattern
from rules.moments import time_of
from rules.nodes import All, Any_, Lasts, Node, Not, Often, Silent, Unfit
from rules.wording import lasting, reason_of, told

_NAMES = {All: "all", Any_: "any"}


@dataclass(frozen=True)
class ToldNode:
    """``path`` names its place in the pattern; ``of`` is the node itself."""

    of: Node
    node: str
    path: str
    depth: int
    truth: Truth
    told: str
    is_leaf: bool


def nodes_of(
    node: Node, slots: Slots, moment: Moment, *, path: str = "pattern", depth: int = 0
) -> Iterator[ToldNode]:
    """The node, and then all below it."""
    truth = compile_pattern(node, slots)(moment)
    below = list(_below(node, path))
    said = _group(node, slots, moment) if isinstance(node, All | Any_) else told(node)
    yield ToldNode(node, said, path, depth, truth, _why(node, slots, moment, truth), not below)
    for inner, inner_path in below:
        yield from nodes_of(inner, slots, moment, path=inner_path, depth=depth + 1)


def _below(node: Node, path: str) -> Iterator[tuple[Node, str]]:
    match node:
        case All() | Any_():
            for place, child in enumerate(node.nodes):
                yield child, f"{path}.{_NAMES[type(node)]}[{place}]"
        case Not():
            yield node.node, f"{path}.not"
        case Lasts():
            yield node.node, f"{path}.lasts"
        case Often():
            yield node.node, f"{path}.often"


def _group(node: All | Any_, slots: Slots, moment: Moment) -> str:
    return "all of these" if isinstance(node, All) else "at least one of these"


def _why(node: Node, slots: Slots, moment: Moment, truth: Truth) -> str:
    match node:
        case All() | Any_():
            held = [compile_pattern(child, slots)(moment) for child in node.nodes]
            return f"{sum(one is True for one in held)} of {len(held)} are true"
        case Not():
            return ""
        case Lasts():
            return _lasts(node, moment, moment.memory.get(slots[node]))
        case Often():
            return _often(node, moment, moment.memory.get(slots[node]))
        case Silent():
            return _silent(node, moment)
        case Unfit():
            return "the attribute, or its type, is another one now"
    return reason_of(node, moment, wanted=truth is True)


def _lasts(node: Lasts, moment: Moment, since: int | None) -> str:
    if since is None:
        return "it is not true now, so no time counts"
    lasted = (moment.at - since) / 1000
    told_ = f"true since {_clock(since)}: {lasting(int(lasted))} of {lasting(node.seconds)}"
    return told_ if lasted < node.seconds else f"{told_}, which is long enough"


def _often(node: Often, moment: Moment, held: list[int] | None) -> str:
    window = node.seconds * 1000
    times = [at for at in (held or [0])[1:] if moment.at - at < window]
    first = f", the first at {_clock(times[0])}" if times else ""
    return f"became true {len(times)} of {node.times} times within {lasting(node.seconds)}{first}"


def _silent(node: Silent, moment: Moment) -> str:
    if moment.heard is None:
        return "the vehicle was never heard of by then"
    silent = max(0, int((moment.at - moment.heard) / 1000))
    return f"last report at {_clock(moment.heard)}: {lasting(silent)} of {lasting(node.seconds)} without one"


def _clock(ms: int) -> str:
    return time_of(ms).strftime("%Y-%m-%d %H:%M:%S UTC")
