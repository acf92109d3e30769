from celery import shared_task
from django.db import transaction

from rules import outbox
from rules.escalation import escalate_due
from rules.states import drop_stale_states
from rules.trial_jobs import work_on


@shared_task(ignore_result=True)
def work_actions() -> int:
    """Run what the outbox owes until nothing is due."""
    total = 0
    while count := outbox.run_pending_actions():
        total += count
    return total


@shared_task(ignore_result=True)
def escalate_alerts() -> int:
    """Tell others of the alerts that nobody acknowledged in time."""
    total = 0
    while count := escalate_due():
        total += count
    if total:
        ring_for_actions()
    return total


@shared_task(ignore_result=True)
def forget_states() -> int:
    """Drop what disabled, deleted and restarted rules held."""
    return drop_stale_states()


def ring_for_actions() -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    transaction.on_commit(lambda: work_actions.apply_async(retry=False, expires=30), robust=True)


@shared_task(ignore_result=True)
def try_rule(token: str) -> None:
    """Try a rule over more history than a request goes through itself."""
    work_on(token)
