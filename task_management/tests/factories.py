"""Tasks for tests, made without the service where their causes do not matter."""

import factory
from django.utils import timezone

from task_management.models import Task


class TaskFactory(factory.django.DjangoModelFactory):
    """An open task; ``complete=True`` or ``canceled=True`` closes it."""

    class Meta:
        model = Task

    title = factory.Sequence(lambda n: f"Task {n:04}")

    class Params:
        complete = factory.Trait(status=Task.Status.COMPLETE, completed_at=factory.LazyFunction(timezone.now))
        canceled = factory.Trait(status=Task.Status.CANCELED, canceled_at=factory.LazyFunction(timezone.now))
