from celery import shared_task
from django.db import transaction

from alerts import telling


@shared_task(ignore_result=True)
def tell_alerts() -> int:
    """Tell the bus of the alerts that it was not told of."""
    return telling.tell_alerts()


def ring_for_telling() -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    transaction.on_commit(lambda: tell_alerts.apply_async(retry=False, expires=30), robust=True)
