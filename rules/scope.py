"""Which vehicles a rule watches: what its scope names, cut to what its maker may see at the time.

A maker who is gone or inactive, and a key that is revoked or expired, see nothing: their rules watch
nothing until somebody duplicates them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from accounts.actors import Actor
from accounts.models import ApiKey, Membership, User
from accounts.querysets import HideableQuerySet
from customer_management.models import Customer
from rules.models import Rule
from task_management.models import Task
from vehicle_management.models import Vehicle

Values = Mapping[str, Any]
Watches = Callable[[int, Values, frozenset[int]], bool]

# Fields of a change batch that may move a vehicle into or out of a scope.
SCOPE_FIELDS = frozenset(("fleet", "customer", "deleted_at"))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a maker may see. ``fleets`` None: all; ``only``: the one vehicle of a device's key."""

    fleets: frozenset[int] | None = frozenset()
    only: frozenset[int] | None = None

    @property
    def digest(self) -> str:
        told = "*" if self.fleets is None else ",".join(map(str, sorted(self.fleets)))
        return hashlib.sha256(
            f"{told}|{sorted(self.only) if self.only is not None else ''}".encode()
        ).hexdigest()


NOTHING = Sight()
ALL = Sight(fleets=None)


@dataclass(frozen=True, slots=True)
class Scope:
    """A rule's scope by primary keys. ``by_task``: it also names tasks, whose vehicles come and go."""

    sight: Sight = NOTHING
    everything: bool = False
    fleets: frozenset[int] = frozenset()
    customers: frozenset[int] = frozenset()
    vehicles: frozenset[int] = frozenset()
    tasks: frozenset[int] = field(default=frozenset())

    @property
    def depends_on_fleet(self) -> bool:
        return self.sight.fleets is not None or bool(self.fleets)

    @property
    def depends_on_customer(self) -> bool:
        return bool(self.customers)

    @property
    def is_empty(self) -> bool:
        return not (self.everything or self.fleets or self.customers or self.vehicles or self.tasks)

    def watcher(self) -> Watches:
        """Whether a vehicle with these values is watched; the set holds those of the rule's open tasks."""
        within, only, everything = self.sight.fleets, self.sight.only, self.everything
        fleets, customers, vehicles = self.fleets, self.customers, self.vehicles
        if everything and within is None:
            return lambda pk, values, of_tasks: values["deleted_at"] is None

        def watches(pk: int, values: Values, of_tasks: frozenset[int]) -> bool:
            if values["deleted_at"] is not None:
                return False
            fleet = values["fleet"]
            if (within is not None and fleet not in within) or (only is not None and pk not in only):
                return False
            return (
                everything
                or fleet in fleets
                or values["customer"] in customers
                or pk in vehicles
                or pk in of_tasks
            )

        return watches


def scopes_of(rules: Iterable[Rule]) -> dict[int, Scope]:
    """The scope of each rule, in a handful of queries however many rules there are."""
    rules = list(rules)
    sights = sights_of(rules)
    named = {
        name: _named(name, [rule.pk for rule in rules])
        for name in ("fleets", "customers", "vehicles", "tasks")
    }
    return {
        rule.pk: Scope(
            sight=sights[rule.pk],
            everything=rule.everything,
            **{name: frozenset(found[rule.pk]) for name, found in named.items()},
        )
        for rule in rules
    }


def _named(name: str, rule_pks: list[int]) -> dict[int, set[int]]:
    through = getattr(Rule, name).through
    column = f"{name[:-1]}_id"
    found: dict[int, set[int]] = defaultdict(set)
    for rule_pk, pk in through.objects.filter(rule__in=rule_pks).values_list("rule_id", column):
        found[rule_pk].add(pk)
    return found


def sights_of(rules: Iterable[Rule]) -> dict[int, Sight]:
    rules = list(rules)
    people = _sights_of_people({rule.created_by_id for rule in rules if rule.created_by_id})
    keys = _sights_of_keys({rule.created_by_key_id for rule in rules if rule.created_by_key_id})
    return {rule.pk: _sight(rule, people, keys) for rule in rules}


def _sight(rule: Rule, people: Mapping[int, Sight], keys: Mapping[int, Sight]) -> Sight:
    if rule.created_by_id:
        return people.get(rule.created_by_id, NOTHING)
    if rule.created_by_key_id:
        return keys.get(rule.created_by_key_id, NOTHING)
    # Nobody made what came with us; a maker who is gone leaves nothing.
    return ALL if rule.shipped_as else NOTHING


def sight_of(rule: Rule) -> Sight:
    return sights_of([rule])[rule.pk]


def _sights_of_people(pks: set[int]) -> dict[int, Sight]:
    fleets: dict[int, set[int]] = defaultdict(set)
    alive = Membership.objects.filter(user__in=pks, fleet__deleted_at__isnull=True)
    for user, fleet in alive.values_list("user_id", "fleet_id"):
        fleets[user].add(fleet)
    active = User.objects.filter(pk__in=pks, is_active=True)
    return {
        person.pk: ALL if person.is_administrator else Sight(frozenset(fleets[person.pk]))
        for person in active
    }


def _sights_of_keys(pks: set[int]) -> dict[int, Sight]:
    keys = [key for key in ApiKey.objects.filter(pk__in=pks).prefetch_related("fleets") if key.is_usable]
    bound = Vehicle.objects.filter(vehicle_id__in=[key.vehicle_id for key in keys if key.vehicle_id])
    pk_of = dict(bound.values_list("vehicle_id", "pk"))
    return {
        key.pk: Sight(
            frozenset(fleet.pk for fleet in key.fleets.all() if fleet.deleted_at is None),
            None
            if key.vehicle_id is None
            else frozenset({pk_of[key.vehicle_id]} if key.vehicle_id in pk_of else ()),
        )
        for key in keys
    }


def editable_by(rule: Rule, actor: Actor) -> bool:
    """Whoever sees all that a rule watches edits it; the maker's scope is cut to what the maker sees."""
    if not actor.can_write or actor.bound_vehicle_id is not None:
        return False
    if actor.is_administrator or is_made_by(rule, actor):
        return True
    scope = scopes_of([rule])[rule.pk]
    if scope.is_empty:
        return False
    if scope.sight.fleets is not None and scope.sight.fleets <= actor.fleet_pks:
        return True
    if scope.everything or not scope.fleets <= actor.fleet_pks:
        return False
    watched = Q(pk__in=scope.vehicles) | Q(customer__in=scope.customers)
    return not (
        _unseen(Vehicle.objects.filter(watched), actor)
        or _unseen(Customer.objects.filter(pk__in=scope.customers), actor)
        or _unseen(Task.objects.filter(pk__in=scope.tasks), actor)
    )


def _unseen(rows: HideableQuerySet, actor: Actor) -> bool:
    return rows.exclude(pk__in=rows.model.objects.visible_to(actor).values("pk")).exists()


def is_made_by(rule: Rule, actor: Actor) -> bool:
    if actor.user is not None:
        return rule.created_by_id == actor.user.pk
    return actor.key is not None and rule.created_by_key_id == actor.key.pk


def why_idle(rule: Rule, scope: Scope | None = None) -> str | None:
    """A sentence where an enabled rule watches nothing at all, for its page."""
    scope = scope or scopes_of([rule])[rule.pk]
    if scope.is_empty:
        return "It watches nothing yet: give it fleets, customers, vehicles or tasks, or everything."
    if scope.sight.fleets is not None and not scope.sight.fleets:
        maker = rule.created_by or rule.created_by_key
        who = f"{maker}, who made it," if maker else "Whoever made it"
        return f"It watches nothing, because {who} sees no fleet any more; duplicate it to make it yours."
    return None
