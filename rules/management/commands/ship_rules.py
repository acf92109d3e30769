from typing import Any

from django.core.management.base import BaseCommand

from rules.shipped import ship_rules


class Command(BaseCommand):
    help = "Stores the rules that come with the program, where they were never stored; any number of times."

    def handle(self, *args: Any, **options: Any) -> None:
        for rule in ship_rules():
            self.stdout.write(f"{rule.name}: stored")
