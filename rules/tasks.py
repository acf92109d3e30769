from celery import shared_task
from django.db import transaction

from rules import outbox
from rules.states import drop_stale_states


@shared_task(ignore_result=True)
def work_actions() -> int:
    """Run what the outbox owes until nothing is due."""
    total = 0
    while count := outbox.run_pending_actions():
        total += count
    return total


@shared_task(ignore_result=True)
def forget_states() -> int:
    """Drop what disabled, deleted and restarted rules held."""
    return drop_stale_states()


def ring_for_actions() -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    transaction.on_commit(lambda: work_actions.apply_async(retry=False, expires=30), robust=True)
