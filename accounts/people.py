"""Who can be given work."""

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.models import Membership, User


def assignable_people(actor: Actor) -> QuerySet[User]:
    """Active people: all for administrators, else administrators, oneself and those of one's fleets."""
    people: QuerySet[User] = User.objects.filter(is_active=True)
    if actor.is_administrator:
        return people
    sharing = Membership.objects.filter(fleet__in=actor.fleet_pks).values("user")
    mine = Q(pk=actor.user.pk) if actor.user else Q()
    return people.filter(Q(pk__in=sharing) | Q(role=User.Role.ADMINISTRATOR) | mine)
