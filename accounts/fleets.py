"""Fleets: naming one within one's fence, and making, changing, hiding and purging them."""

from typing import Any, NoReturn

from django.db import models, transaction
from django.db.models import F, ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.exceptions import FleetConflict, FleetInUse
from accounts.models import Fleet, Hideable
from api_pattern.exceptions import FleetForbidden
from api_pattern.parsers import is_storable_text


def named_fleet(actor: Actor, fleet_id: str) -> Fleet | None:
    """The visible fleet of that id.

    Raises FleetForbidden for a caller who is limited to fleets, whether it exists or not; for an
    administrator None says that it does not exist.
    """
    visible = Fleet.objects.visible_to(actor)
    fleet = visible.filter(fleet_id=fleet_id).first() if is_storable_text(fleet_id) else None
    if fleet is None and not actor.is_administrator:
        refuse_fleet(fleet_id)
    return fleet


def refuse_fleet(fleet_id: str) -> NoReturn:
    raise FleetForbidden(_("Fleet {fleet_id} is not one of yours.").format(fleet_id=fleet_id[:64]))


@transaction.atomic
def create_fleet(values: dict[str, Any]) -> Fleet:
    return Fleet.objects.create(**values)


@transaction.atomic
def update_fleet(fleet: Fleet, values: dict[str, Any]) -> Fleet:
    Fleet.objects.filter(pk=fleet.pk).update(**values, version=F("version") + 1, updated_at=timezone.now())
    fleet.refresh_from_db()
    return fleet


@transaction.atomic
def hide_fleet(fleet: Fleet) -> None:
    """Raises FleetInUse while things belong to it: they would be told of a fleet that is gone."""
    stored = Fleet.objects.select_for_update().get(pk=fleet.pk)
    for name, count in _belongings(stored).items():
        told = _("Fleet {fleet_id} still has {count} {name}; move or delete them first.")
        raise FleetInUse(told.format(fleet_id=stored.fleet_id, count=f"{count:,}", name=name))
    stored.deleted_at = timezone.now()
    stored.save(update_fields=["deleted_at"])


@transaction.atomic
def restore_fleet(fleet: Fleet) -> Fleet:
    if Fleet.objects.filter(fleet_id=fleet.fleet_id).exclude(pk=fleet.pk).exists():
        told = _("Another fleet has the id {fleet_id} by now.")
        raise FleetConflict(told.format(fleet_id=fleet.fleet_id))
    Fleet.all_objects.filter(pk=fleet.pk).update(deleted_at=None)
    fleet.refresh_from_db()
    return fleet


def purge_fleet(fleet: Fleet) -> None:
    """Deletes for good; raises FleetInUse while anything, hidden or not, points at it."""
    try:
        fleet.delete()
    except ProtectedError as error:
        kinds = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
        told = _("Fleet {fleet_id} still has {kinds}; purge them first.")
        raise FleetInUse(told.format(fleet_id=fleet.fleet_id, kinds=", ".join(kinds))) from error


def _belongings(fleet: Fleet) -> dict[str, int]:
    """The alive rows of upper apps that belong to the fleet, by their name."""
    counts = {}
    for relation in Fleet._meta.related_objects:
        model = relation.related_model
        is_owned = (
            relation.on_delete is models.PROTECT and isinstance(model, type) and issubclass(model, Hideable)
        )
        if is_owned:
            owned = model._base_manager.filter(**{relation.field.name: fleet, "deleted_at": None})
            if count := owned.count():
                counts[str(model._meta.verbose_name_plural)] = count
    return counts
