import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from api_pattern.exposition import serve_metrics
from msg_pattern.bus import get_bus
from telemetry.mqtt import Adapter, Broker


class Command(BaseCommand):
    requires_system_checks = ()  # they would load every page's code
    help = "Take readings from the MQTT broker that MQTT_URL names, until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MQTT_URL:
            raise CommandError(
                "MQTT_URL is not set; it names the broker, such as mqtt://user:password@host:1883."
            )
        try:
            broker = Broker.at(settings.MQTT_URL)
            adapter = Adapter(get_bus(), broker, topic=settings.MQTT_TOPIC, client_id=settings.MQTT_CLIENT_ID)
        except ValueError as error:
            raise CommandError(str(error)) from error
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        serve_metrics(settings.METRICS_PORT, host=settings.METRICS_HOST)
        self.stdout.write(f"listening to {broker}, {settings.MQTT_TOPIC}")
        adapter.run(stopping)
