import signal
from typing import Any

from django.core.management.base import BaseCommand

from feed_processor.listener import Listener


class Command(BaseCommand):
    help = "Listens: evaluates rules as vehicles change, tells other programs, and takes in their readings."

    def handle(self, *args: Any, **options: Any) -> None:
        listener = Listener()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda *_: listener.stop())
        self.stdout.write("listening")
        listener.run()
