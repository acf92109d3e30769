"""Change batches go once every reader has done with them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Cause
from vehicle_management.models import ChangeBatch
from vehicle_management.tasks import prune_change_batches

pytestmark = pytest.mark.django_db


def batch(name, *, done_ago=None, **values):
    done_at = None if done_ago is None else timezone.now() - done_ago
    return ChangeBatch.objects.create(
        lane=0, cause=Cause.of({"kind": "reading"}), fields=[name], vehicles=[1], done_at=done_at, **values
    )


def test_batches_of_readings_go_soon_and_others_later():
    hour = timedelta(hours=1)
    batch("old", done_ago=49 * hour)
    batch("kept", done_ago=47 * hour)
    batch("old reading", done_ago=hour, received=[1], senders=[""])
    batch("new reading", done_ago=timedelta(minutes=5), received=[1], senders=[""])
    batch("pending")
    batch("pending reading", received=[1], senders=[""])
    assert prune_change_batches() == 2
    left = [fields[0] for fields in ChangeBatch.objects.order_by("pk").values_list("fields", flat=True)]
    assert left == ["kept", "new reading", "pending", "pending reading"]
