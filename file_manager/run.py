"""The run of an import: read, settle, apply. A killed worker's run is taken up where it stood.

An upload is run by whoever holds its advisory lock: the database frees it when the worker dies. What
stands in the database is true, so a run may begin anywhere: staging is made anew where it is gone, and
chunks that are done are passed over.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor, actor_of
from accounts.models import Fleet
from api_pattern import metrics
from api_pattern.outages import is_away
from feed_processor.blocks import BLOCK_ROWS
from feed_processor.convert import Fault
from feed_processor.dialect import Dialect, UnreadableFile
from feed_processor.load import Outcomes, apply_chunk, drop_tables, outcome_arrays, staged_rows
from feed_processor.plan import (
    BadMapping,
    PlannedColumn,
    UnclearFile,
    demand_key,
    kind_of,
    plan_columns,
    unknown_columns,
)
from feed_processor.settle import settle
from feed_processor.source import Load
from feed_processor.stage import Misjudged, Stager, stage
from feed_processor.survey import Survey, survey
from file_manager import storage
from file_manager.faults import add_faults, add_file_fault, forget_faults
from file_manager.models import Upload, UploadChange, UploadChunk
from file_manager.profiles import remembered_mapping

log = structlog.get_logger(__name__)

LOCK_CLASS = 7_001
RETRIES = 5
MOST_BREAKS = 5
FIRST_REST = timedelta(seconds=30)
FIRST_ROWS = 20_000
PROGRESS_ROWS = 50_000
COUNTERS = {
    "c": "rows_created",
    "u": "rows_updated",
    "=": "rows_unchanged",
    "r": "rows_repeated",
    "f": "rows_failed",
}


class Canceled(Exception):
    """The upload was canceled while it was read."""


class UploaderIsGone(Exception):
    """Nobody is left within whose sight the file could be applied."""


FAILURES: dict[type[Exception], str] = {
    UnreadableFile: "unreadable",
    BadMapping: "mapping",
    UploaderIsGone: "uploader_gone",
}


@contextmanager
def holding(upload_id: int) -> Iterator[bool]:
    """Whether this process runs the upload now; no other does until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, upload_id])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, upload_id])


@contextmanager
def calm_collector() -> Iterator[None]:
    """Rows in their thousands are no garbage: looking through them over and over doubles the time of reading."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def run_upload(upload: Upload) -> None:
    """Bring the upload as far as it goes: to APPLIED, REVIEW or FAILED. The caller holds it.

    Raises what says that the database is away: then the upload is taken up again.
    """
    try:
        _run(upload)
    except Exception as error:
        if isinstance(error, DatabaseError) and is_away(error):
            raise
        log.exception("import breaks", upload=upload.pk)
        _note_break(upload, error)


@calm_collector()
def _run(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(
        attempts=F("attempts") + 1, started_at=upload.started_at or timezone.now()
    )
    try:
        if upload.status == Upload.Status.UPLOADED or not upload.columns:
            _read(upload)
        if upload.status == Upload.Status.READING:
            _go_on(upload)
        if upload.status == Upload.Status.APPLYING:
            _apply(upload)
    except Canceled:
        drop_tables(_table(upload))
    except (UnreadableFile, BadMapping, UploaderIsGone) as error:
        _fail(upload, FAILURES[type(error)], str(error))
    except UnclearFile as error:
        _rest_in_review(upload, str(error))


def _table(upload: Upload) -> str:
    return f"import_{upload.pk}"


def _actor(upload: Upload) -> Actor:
    actor = actor_of(upload.by, upload.by_key)
    if actor is None:
        raise UploaderIsGone(_("Whoever uploaded this file is gone; upload it again."))
    return actor


def _set(upload: Upload, **values: Any) -> None:
    """Write fields of the upload unless it was canceled meanwhile. Raises Canceled."""
    for name, value in values.items():
        setattr(upload, name, value)
    fresh = Upload.objects.filter(pk=upload.pk).exclude(status=Upload.Status.FAILED)
    if not fresh.update(**values):
        raise Canceled


def _fail(upload: Upload, code: str, message: str) -> None:
    with transaction.atomic():
        drop_tables(_table(upload))
        add_file_fault(upload, code, message)
        _set(upload, status=Upload.Status.FAILED, finished_at=timezone.now())
    metrics.uploads.labels("failed").inc()


def _note_break(upload: Upload, error: Exception) -> None:
    """What was not foreseen may pass: it is tried again, ever later, and told when it does not."""
    upload.breaks = (Upload.objects.values_list("breaks", flat=True).get(pk=upload.pk)) + 1
    rest = FIRST_REST * 4 ** (upload.breaks - 1)
    Upload.objects.filter(pk=upload.pk).update(breaks=upload.breaks, rests_until=timezone.now() + rest)
    if upload.breaks >= MOST_BREAKS:
        message = _(
            "The import stopped %(times)d times on an error of ours (%(error)s). Rows of finished chunks are applied;"
            " upload the file again when it is mended, and the rest follows."
        )
        with suppress(Canceled):
            _fail(upload, "broken", message % {"times": upload.breaks, "error": type(error).__name__})


def _rest_in_review(upload: Upload, message: str) -> None:
    with transaction.atomic():
        forget_faults(upload)
        add_file_fault(upload, "unclear", message)
        _set(upload, status=Upload.Status.REVIEW)
    metrics.uploads.labels("review").inc()


def _read(upload: Upload) -> None:
    """The first pass: tell what the file is, before anything of it is applied."""
    _set(upload, status=Upload.Status.READING, rows_read=0)
    forget_faults(upload)
    with storage.opened(upload.stored_as) as stream:
        # Whoever is asked to review sees all of it; else the first rows will do, and staging watches the rest.
        most = FIRST_ROWS if upload.apply else None
        found = survey(stream, most_rows=most, on_progress=lambda rows: _progress(upload, rows))
    if not found.rows:
        raise UnreadableFile(_("The file holds a header but no rows below it."))
    _set(upload, rows_total=found.rows, rows_read=found.rows, dialect=found.dialect.as_dict())
    _plan(upload, found)


def _progress(upload: Upload, rows: int) -> None:
    if rows % PROGRESS_ROWS < BLOCK_ROWS:
        _set(upload, rows_read=rows)


def _plan(upload: Upload, found: Survey) -> None:
    _set(upload, columns=[column.as_dict() for column in unknown_columns(found)])
    kind = upload.kind if upload.kind != Upload.Kind.AUTO else kind_of(found)
    chosen = {**remembered_mapping(upload, kind, found.headers), **upload.mapping}
    columns = plan_columns(
        found, kind, {h: t for h, t in chosen.items() if h in found.profiles or h in upload.mapping}
    )
    _set(upload, kind=kind, columns=[column.as_dict() for column in columns])
    demand_key(columns, kind)
    if not upload.apply:
        _set(upload, status=Upload.Status.REVIEW)
        metrics.uploads.labels("review").inc()


def _go_on(upload: Upload) -> None:
    """Read, and planned: where a person chose meanwhile, plan anew; then stage, settle and apply."""
    columns = _columns(upload)
    if any(
        column.how == "unknown" or upload.mapping.get(column.header, column.field) != column.field
        for column in columns
    ):
        columns = _plan_anew(upload)
    demand_key(columns, upload.kind)
    _stage(upload)
    _set(upload, status=Upload.Status.APPLYING)


def _columns(upload: Upload) -> list[PlannedColumn]:
    return [PlannedColumn(**column) for column in upload.columns]


def _plan_anew(upload: Upload) -> list[PlannedColumn]:
    """The columns as the whole file and the person's choice have them."""
    with storage.opened(upload.stored_as) as stream:
        found = survey(stream)
    columns = plan_columns(found, upload.kind, upload.mapping)
    _set(upload, columns=[column.as_dict() for column in columns])
    return columns


def _stage(upload: Upload) -> None:
    """The second pass, with everything that is wrong; begun anew by each attempt."""
    try:
        _stage_as_planned(upload, watches=True)
    except Misjudged:
        _plan_anew(upload)
        _stage_as_planned(upload, watches=False)


def _stage_as_planned(upload: Upload, *, watches: bool) -> None:
    with transaction.atomic():
        forget_faults(upload)
        fleet = upload.fleet or Fleet()
        stager = Stager(
            kind=upload.kind,
            columns=_columns(upload),
            actor=_actor(upload),
            zone=ZoneInfo(fleet.time_zone),
            date_order=fleet.date_order,
            table=_table(upload),
            watches=watches,
        )
        with storage.opened(upload.stored_as) as stream:
            rows = stage(
                stream, Dialect.from_dict(upload.dialect), stager, lambda read, faults: _hear(upload, faults)
            )
        faults = settle(_load(upload))
        while some := list(islice(faults, 10_000)):
            add_faults(upload, some)
        Upload.objects.filter(pk=upload.pk).update(rows_total=rows, rows_read=rows)
    upload.rows_total = rows


def _hear(upload: Upload, faults: list[Fault]) -> None:
    add_faults(upload, faults)
    if Upload.objects.filter(pk=upload.pk, status=Upload.Status.FAILED).exists():
        raise Canceled


def _apply(upload: Upload) -> None:
    if staged_rows(_table(upload)) != upload.rows_total:
        _stage(upload)
    load = _load(upload)
    done = upload.chunks.aggregate(last=Max("last_seq"))["last"] or 0
    while done < upload.rows_total:
        last = min(done + settings.IMPORT_CHUNK_ROWS, upload.rows_total)
        _apply_with_retries(upload, load, done + 1, last)
        done = last
    with transaction.atomic():
        drop_tables(load.table)
        _set(upload, status=Upload.Status.APPLIED, finished_at=timezone.now())
    metrics.uploads.labels("applied").inc()


def _load(upload: Upload) -> Load:
    if upload.cause is None:
        raise ValueError(f"upload {upload.pk} has no cause")
    return Load(
        kind=upload.kind,
        table=_table(upload),
        columns=_columns(upload),
        actor=_actor(upload),
        cause=upload.cause,
        fleet=upload.fleet_id,
        received_at=upload.created_at,
    )


def _apply_with_retries(upload: Upload, load: Load, first: int, last: int) -> None:
    """Another import may take an id, or wait for us as we for it: match again, and try again."""
    for attempt in range(1, RETRIES + 1):
        try:
            with metrics.import_chunk_seconds.time(), transaction.atomic():
                letters = _apply_chunk(upload, load, first, last)
            for letter, name in COUNTERS.items():
                metrics.import_rows.labels(name.removeprefix("rows_")).inc(letters.count(letter))
            return
        except (IntegrityError, OperationalError) as error:
            if attempt == RETRIES or not _is_contention(error):
                raise
            log.warning(
                "import chunk meets another",
                upload=upload.pk,
                first=first,
                attempt=attempt,
                reason=str(error),
            )
            with transaction.atomic():
                _settle_again(upload, load)


def _settle_again(upload: Upload, load: Load) -> None:
    """Match anew, and tell what was not told before."""
    told = set(upload.faults.values_list("row", "code"))
    add_faults(upload, [fault for fault in settle(load) if (fault.row, fault.code) not in told])


def _is_contention(error: Exception) -> bool:
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return state in ("40P01", "40001", "23505")


def _apply_chunk(upload: Upload, load: Load, first: int, last: int) -> str:
    """Answers what became of each row, a letter each."""
    outcomes = apply_chunk(load, first, last)
    add_faults(upload, outcomes.faults)
    letters = _note_done(upload, first, last, *outcome_arrays(load, outcomes))
    _keep_changes(upload, outcomes)
    counts = {name: F(name) + letters.count(letter) for letter, name in COUNTERS.items()}
    Upload.objects.filter(pk=upload.pk).update(**counts, breaks=0)
    return letters


def _note_done(upload: Upload, first: int, last: int, arrays: str, params: dict[str, str]) -> str:
    """Write down what became of each row; answers a letter per row."""
    table = UploadChunk._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} (upload_id, first_seq, last_seq, done_at, rows, outcomes, object_ids)
                SELECT %(upload)s, %(first)s, %(last)s, now(), told.* FROM ({arrays}) told RETURNING outcomes""",
            {**params, "upload": upload.pk, "first": first, "last": last},
        )
        return str(cursor.fetchone()[0])


def _keep_changes(upload: Upload, outcomes: Outcomes) -> None:
    UploadChange.objects.bulk_create(
        UploadChange(upload=upload, row=row, object_id=pk, changes=changes)
        for row, (pk, changes) in outcomes.changes.items()
    )
