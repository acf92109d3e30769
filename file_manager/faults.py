"""What was wrong: every fault by row, and counted by column and kind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from django.db import connection
from django.db.models import F

from feed_processor.convert import NULL, Fault, escaped
from file_manager.models import Upload, UploadFault, UploadFaultGroup

MOST_COLUMN_NAME = 200


def add_file_fault(upload: Upload, code: str, message: str) -> None:
    """A fault of the file itself stands at row 0."""
    add_faults(upload, [Fault(0, "", "", code, message)])


def add_faults(upload: Upload, faults: Sequence[Fault]) -> None:
    """Within the caller's transaction."""
    if not faults:
        return
    # A header may be longer than an index takes.
    faults = [replace(fault, column=fault.column[:MOST_COLUMN_NAME]) for fault in faults]
    _copy(upload, faults)
    _count(upload, faults)


def forget_faults(upload: Upload) -> None:
    upload.faults.all().delete()
    upload.fault_groups.all().delete()


def _copy(upload: Upload, faults: Sequence[Fault]) -> None:
    table = UploadFault._meta.db_table
    lines = (
        "\t".join(
            (
                str(upload.pk),
                fault.level,
                str(fault.row),
                *map(_text, (fault.column, fault.value, fault.code, fault.message)),
            )
        )
        for fault in faults
    )
    with connection.wrap_database_errors, connection.cursor() as cursor:
        sql = f'COPY {table} (upload_id, level, "row", "column", value, code, message) FROM STDIN'
        with cursor.copy(sql) as copy:
            copy.write("\n".join(lines) + "\n")


def _text(value: str) -> str:
    text = escaped(value.replace("\x00", ""))
    return text if text != NULL else "\\\\N"


def _count(upload: Upload, faults: Sequence[Fault]) -> None:
    counts = Counter((fault.level, fault.column, fault.code) for fault in faults)
    messages = {(fault.level, fault.column, fault.code): fault.message for fault in reversed(faults)}
    for key, count in counts.items():
        level, column, code = key
        group, created = UploadFaultGroup.objects.get_or_create(
            upload=upload,
            level=level,
            column=column,
            code=code,
            defaults={"message": messages[key], "count": count},
        )
        if not created:
            UploadFaultGroup.objects.filter(pk=group.pk).update(count=F("count") + count)
