import gc
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from api_pattern.exposition import serve_metrics
from feed_processor.listener import Listener


class Command(BaseCommand):
    help = "Listens: evaluates rules as vehicles change, tells other programs, and takes in their readings."

    def handle(self, *args: Any, **options: Any) -> None:
        listener = Listener()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda *_: listener.stop())
        serve_metrics(settings.METRICS_PORT, host=settings.METRICS_HOST)
        # What is loaded by now stays. Batches leave no cycles, and looking for some would cost a tenth.
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)
        self.stdout.write("listening")
        listener.run()
