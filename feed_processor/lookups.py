"""Names in cells to rows of the database, a block at a time, within what the uploader may see."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Fleet, User
from customer_management.models import Customer
from feed_processor.convert import CLEAR, MEMO_SIZE, NULL, Refused
from vehicle_management import vin
from vehicle_management.models import Vehicle

Find = Callable[[Collection[str]], dict[str, list[int]]]


class LookupColumn:
    """Like ``convert.Column``: cells to primary keys, or a fault where the name is unknown or ambiguous."""

    def __init__(self, header: str, find: Find, noun: str) -> None:
        self.header, self._find, self._noun = header, find, noun
        self._memo: dict[str, str | Refused] = {}

    def convert(self, cells: Sequence[str]) -> tuple[list[str], list[tuple[int, Refused]]]:
        if len(self._memo) > MEMO_SIZE:
            self._memo.clear()
        self._learn({cell.strip() for cell in cells if cell and cell != CLEAR})
        texts, faults = [], []
        for index, cell in enumerate(cells):
            held = NULL if not cell or cell == CLEAR else self._memo.get(cell.strip(), NULL)
            if isinstance(held, Refused):
                faults.append((index, held))
                held = NULL
            texts.append(held)
        return texts, faults

    def _learn(self, names: set[str]) -> None:
        wanted = {name for name in names - self._memo.keys() if name}
        if not wanted:
            return
        found = self._find({name for name in wanted if "\x00" not in name})
        self._memo.update({name: self._verdict(name, found.get(name, [])) for name in wanted})

    def _verdict(self, name: str, pks: list[int]) -> str | Refused:
        words = {"value": name[:100], "noun": self._noun, "n": len(pks)}
        if not pks:
            return Refused(_("“%(value)s” is no %(noun)s that you see.") % words, "unknown_name")
        if len(set(pks)) > 1:
            return Refused(
                _("“%(value)s” names %(n)d %(noun)ss; use an id that only one has.") % words, "ambiguous_name"
            )
        return str(pks[0])


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, pk in pairs:
        found[name].append(pk)
    return found


def fleets(actor: Actor) -> Find:
    def find(names: Collection[str]) -> dict[str, list[int]]:
        seen = Fleet.objects.visible_to(actor).filter(fleet_id__in=names)
        return _grouped(seen.values_list("fleet_id", "pk"))

    return find


def customers(actor: Actor) -> Find:
    """By external id, else e-mail, else name."""

    def find(names: Collection[str]) -> dict[str, list[int]]:
        seen = Customer.objects.visible_to(actor)
        by_name = _grouped(seen.filter(name__in=names).values_list("name", "pk"))
        lowered = {name.lower(): name for name in names}
        by_email = seen.filter(email__in=lowered).values_list("email", "pk")
        by_external_id = seen.filter(external_id__in=names).values_list("external_id", "pk")
        by_id = _grouped((name, pk) for name, pk in by_external_id if name)
        return {**by_name, **_grouped((lowered[email], pk) for email, pk in by_email if email), **by_id}

    return find


def assignees(actor: Actor) -> Find:
    """Active people who share a fleet with the uploader, and administrators."""

    def find(names: Collection[str]) -> dict[str, list[int]]:
        lowered = {name.lower(): name for name in names}
        people = User.objects.filter(email__in=lowered, is_active=True)
        if not actor.is_administrator:
            shared = people.filter(memberships__fleet__in=actor.fleet_pks)
            people = people.filter(pk__in=shared.values("pk")) | people.filter(role=User.Role.ADMINISTRATOR)
        return _grouped((lowered[email], pk) for email, pk in people.values_list("email", "pk"))

    return find


def vehicles(actor: Actor, field: str) -> Find:
    """By ``vehicle_id``, ``vin`` or ``plate``."""

    def find(names: Collection[str]) -> dict[str, list[int]]:
        written = {vin.normalise(name) if field == "vin" else name: name for name in names}
        seen = Vehicle.objects.visible_to(actor).filter(**{f"{field}__in": written})
        return _grouped((written[value], pk) for value, pk in seen.values_list(field, "pk"))

    return find
