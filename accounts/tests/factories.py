"""People, fleets and keys for tests."""

from typing import Any

import factory
from django.utils import timezone

from accounts.models import ApiKey, Fleet, Membership, User

PASSWORD = "Str0ng-enough!"


class FleetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Fleet

    fleet_id = factory.Sequence(lambda n: f"fleet-{n:03}")
    fleet_name = factory.LazyAttribute(lambda fleet: f"Fleet {fleet.fleet_id}")


class UserFactory(factory.django.DjangoModelFactory):
    """A person with ``PASSWORD``; ``fleets=[…]`` makes the memberships."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person-{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    role = User.Role.OPERATOR

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return User.objects.create_user(password=kwargs.pop("password", PASSWORD), **kwargs)

    @factory.post_generation
    def fleets(self: User, create: bool, extracted: Any, **kwargs: Any) -> None:  # type: ignore[misc]
        for fleet in extracted or ():
            Membership.objects.create(user=self, fleet=fleet)


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    fleet = factory.SubFactory(FleetFactory)


class ApiKeyFactory(factory.django.DjangoModelFactory):
    """A key whose secret stands in ``.secret``; ``fleets=[…]`` names its fleets."""

    class Meta:
        model = ApiKey
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"key {n}")
    scopes = ["read"]

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: Any, **kwargs: Any) -> ApiKey:
        secret = ApiKey.new_secret()
        key = ApiKey.objects.create(prefix=secret[:10], secret_sha256=ApiKey.digest(secret), **kwargs)
        key.secret = secret  # type: ignore[attr-defined]
        return key

    @factory.post_generation
    def fleets(self: ApiKey, create: bool, extracted: Any, **kwargs: Any) -> None:  # type: ignore[misc]
        self.fleets.set(extracted or ())

    class Params:
        revoked = factory.Trait(revoked_at=factory.LazyFunction(timezone.now))
