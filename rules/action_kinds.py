"""What a kind of action is, and the checks that several kinds share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.actors import Actor
from alerts.models import Alert
from api_pattern.parsers import is_storable_text
from rules.models import FiringAction
from rules.patterns import quoted
from task_management.models import Task

Params = dict[str, Any]
Errors = dict[str, list[str]]
Texts = Mapping[str, str]
Check = Callable[[Any, Actor], str | None]


@dataclass(frozen=True)
class Ran:
    """What an action did, in a sentence, and the task or the alert that it is about."""

    result: str
    task: Task | None = None
    alert: Alert | None = None


@dataclass(frozen=True, kw_only=True)
class ActionKind:
    """``checks`` maps each parameter to its check, which answers a message or None.

    ``agree`` tells by parameter what is wrong between several of them, each of which is right by itself.
    ``render`` puts a firing's values into the texts.
    """

    type: str
    label: str
    checks: Mapping[str, Check]
    required: tuple[str, ...] = ()
    render: Callable[[Params, Texts], Params]
    agree: Callable[[Params], Mapping[str, str]] = lambda params: {}
    defaults: Params = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StayingKind(ActionKind):
    """``run`` does it, in one transaction with the note that it was done.

    It raises ``ActionFailed`` for what no repetition mends, and ``ActionMustWait`` for what another action
    has to do first.
    """

    run: Callable[[FiringAction], Ran]
    leaves_us = False


@dataclass(frozen=True, kw_only=True)
class LeavingKind(ActionKind):
    """What leaves us cannot be rolled back, and may take its time.

    ``prepare`` reads all that it needs; what it answers sends, in a thread that asks no database. Both may
    raise ``ActionFailed``, sending also ``TryLater``.
    """

    prepare: Callable[[FiringAction], Callable[[], Ran]]
    leaves_us = True

    def run(self, action: FiringAction) -> Ran:
        return self.prepare(action)()


def text_check(most: int) -> Check:
    def check(value: Any, by: Actor) -> str | None:
        if not isinstance(value, str):
            return f"{quoted(value)} is not a text."
        if len(value) > most:
            return f"The text has at most {most:,} characters; this one has {len(value):,}."
        if not is_storable_text(value):
            return "The text holds a NUL or half a surrogate pair, which cannot be stored."
        return None if value.strip() else "The text is blank; say something."

    return check


def number_check(most: float, unit: str) -> Check:
    def check(value: Any, by: Actor) -> str | None:
        if type(value) in (int, float) and 0 <= value <= most:
            return None
        return f"{quoted(value)} is not a number of {unit} between 0 and {most:,}."

    return check


def choice_check(choices: tuple[str, ...], what: str) -> Check:
    def check(value: Any, by: Actor) -> str | None:
        if value in choices:
            return None
        return f"{quoted(value)} is not a {what}; one of {', '.join(choices)} is."

    return check


def check_yes_or_no(value: Any, by: Actor) -> str | None:
    return None if isinstance(value, bool) else f"{quoted(value)} is neither true nor false."


def texts_check(most: int, longest: int) -> Check:
    """A list of 1 to ``most`` texts; the message names the one that is at fault, counted from 1."""
    check_one = text_check(longest)

    def check(value: Any, by: Actor) -> str | None:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            given = f"this one has {len(value)}" if isinstance(value, list) else f"{quoted(value)} is none"
            return f"A list of 1 to {most} texts is needed; {given}."
        faults = (
            f"Item {place}: {fault}"
            for place, one in enumerate(value, start=1)
            if (fault := check_one(one, by))
        )
        return next(faults, None)

    return check
