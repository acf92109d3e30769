"""The edge: what a pattern's truth means for a vehicle, given whether it was true before.

Only "it is true" is remembered. Not knowing changes nothing, so that from true over unknown to true
nothing fires anew.
"""

from enum import Enum


class Edge(Enum):
    FIRE = "the pattern became true"
    ENTER = "it was true already when the rule began to watch, and the rule skips that"
    CLEAR = "the pattern became false, or the vehicle left the scope"
    STAY = "nothing to tell"


def edge(truth: bool | None, *, was_true: bool, watched: bool = True, skip: bool = False) -> Edge:
    """``skip``: the rule has just begun to watch this vehicle and does not fire for what is true already."""
    if not watched:
        return Edge.CLEAR if was_true else Edge.STAY
    if truth and not was_true:
        return Edge.ENTER if skip else Edge.FIRE
    if truth is False and was_true:
        return Edge.CLEAR
    return Edge.STAY
