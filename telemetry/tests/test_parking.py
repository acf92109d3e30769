"""What could not be taken is parked, shown to administrators, and tried again."""

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from accounts.models import User
from feed_processor.readings import take_readings
from msg_pattern.bus import BusError, get_bus
from msg_pattern.messages import Channel
from telemetry import parking
from telemetry.acceptance import GROUP
from telemetry.models import ParkedEntry, Reading
from telemetry.parking import retry_parked
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
DATA = b'{"vehicle_id":"VH-9","speed_kmh":30}'


@pytest.fixture
def stream():
    client = Redis.from_url(settings.MESSAGE_BUS_URL)
    client.delete(Channel.TELEMETRY_RAW)
    yield client
    client.delete(Channel.TELEMETRY_RAW)
    client.close()


@pytest.fixture
def parked(stream):
    return ParkedEntry.objects.create(
        channel=Channel.TELEMETRY_RAW,
        entry="1-0",
        data=DATA,
        reason="No vehicle “VH-9” is known; make it first.",
        sender="key:7",
        received_at=timezone.now(),
    )


def take_all() -> int:
    consumer = get_bus().consume(Channel.TELEMETRY_RAW, group=GROUP)
    return take_readings(consumer, consumer.take(100, timeout_s=0.1))


def test_what_can_be_taken_by_now_is_stored_as_of_when_it_came(parked):
    vehicle = VehicleFactory(vehicle_id="VH-9")
    assert retry_parked([parked]) == 1
    assert take_all() == 1
    stored = Reading.objects.get()
    assert (stored.vehicle, stored.speed_kmh) == (vehicle.pk, 30)
    assert abs((stored.recorded_at - parked.received_at).total_seconds()) < 0.01
    assert not ParkedEntry.objects.exists()


def test_what_still_cannot_be_taken_comes_back(parked):
    retry_parked([parked])
    assert take_all() == 0
    again = ParkedEntry.objects.get()
    assert (again.sender, again.reason) == ("key:7", parked.reason)


def test_where_the_bus_is_away_all_stay_parked(parked, monkeypatch):
    class Away:
        def append(self, channel, entries):
            raise BusError("The bus does not answer.")

    monkeypatch.setattr(parking, "get_bus", Away)
    with pytest.raises(BusError):
        retry_parked([parked])
    assert ParkedEntry.objects.get() == parked


def test_administrators_see_it_and_try_it_again(parked, client, stream):
    client.force_login(User.objects.create_superuser("admin@x.example", None))
    page = client.get(reverse("admin:telemetry_parkedentry_change", args=[parked.pk]))
    assert "VH-9" in page.content.decode()
    told = client.post(
        reverse("admin:telemetry_parkedentry_changelist"),
        {"action": "try_again", "_selected_action": [parked.pk]},
        follow=True,
    )
    assert "1 entry is tried again." in told.content.decode()
    assert stream.xlen(Channel.TELEMETRY_RAW) == 1
