from celery import shared_task
from django.db import transaction

from file_manager.models import Upload
from file_manager.run import holding, run_upload


@shared_task
def work_uploads() -> int:
    """Run unfinished uploads that nobody runs, oldest first, until there is none; answers how many.

    Only a bell: what is to be done stands in the database, and whoever comes takes it.
    """
    done = 0
    tried: set[int] = set()
    while (
        pk := Upload.objects.unfinished()
        .exclude(pk__in=tried)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first()
    ):
        tried.add(pk)
        with holding(pk) as held:
            upload = Upload.objects.filter(pk=pk).unfinished().first() if held else None
            if upload is not None:
                run_upload(upload)
                done += 1
    return done


def ring_for_uploads() -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    transaction.on_commit(lambda: work_uploads.apply_async(retry=False, expires=30), robust=True)
