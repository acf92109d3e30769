"""Files: where they are dropped, and how each of them fares."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Fleet
from dashboard.views.access import members
from feed_processor.schemas import SCHEMAS
from file_manager.models import Upload, UploadFault
from file_manager.rows import OUTCOMES, Rows

SAMPLES = {
    "vehicles": ["fleet-001-VH-001", "1M8GDM9AXKP042788", "FL-1000", "Ford", "Transit 350", "2021"],
    "customers": ["C-100", "Acme Freight", "dispatch@acme.example"],
    "statuses": ["fleet-001-VH-001", "2026-01-31T14:05:00Z", "10412"],
    "tasks": ["T-100", "Change the oil", "fleet-001-VH-001"],
}
TEMPLATE_COLUMNS = {
    "vehicles": ("vehicle_id", "vin", "plate", "make", "model", "model_year"),
    "customers": ("external_id", "name", "email"),
    "statuses": ("vehicle_id", "recorded_at", "odometer_km"),
    "tasks": ("external_id", "title", "vehicle_id"),
}
STEPS = ("file", "columns", "check", "import")
STEP_OF = {"UPLOADED": 0, "READING": 2, "REVIEW": 1, "APPLYING": 3, "APPLIED": 4, "FAILED": 4, "REVERTED": 4}
COUNTS = (
    ("rows_created", gettext_lazy("created")),
    ("rows_updated", gettext_lazy("updated")),
    ("rows_unchanged", gettext_lazy("unchanged")),
    ("rows_repeated", gettext_lazy("repeated")),
    ("rows_failed", gettext_lazy("failed")),
)
POLL_S = 0.3
ROWS_SHOWN, FAULTS_SHOWN = 50, 100
LIVE = (
    "status",
    "rows_total",
    "rows_read",
    "rows_created",
    "rows_updated",
    "rows_unchanged",
    "rows_repeated",
    "rows_failed",
)


@members
def file_list(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    uploads = Upload.objects.visible_to(user).select_related("fleet", "by", "by_key")
    for name in ("kind", "status"):
        if value := request.GET.get(name):
            uploads = uploads.filter(**{name: value[:20].replace("\x00", "")})
    page = Paginator(uploads, 30).get_page(request.GET.get("page"))
    shown = {
        "page": page,
        "kinds": Upload.Kind.choices,
        "statuses": Upload.Status.choices,
        "fleets": Fleet.objects.visible_to(user),
        "templates": list(TEMPLATE_COLUMNS),
        "is_moving": any(not upload.is_resting for upload in page),
    }
    return render(request, "pages/files/list.html", shown)


@members
def file_template(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in TEMPLATE_COLUMNS:
        raise Http404(_("There is no template for %(kind)s.") % {"kind": kind})
    out = io.StringIO()
    csv.writer(out).writerows([TEMPLATE_COLUMNS[kind], SAMPLES[kind]])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
    return answer


def find_upload(user: Any, pk: int) -> Upload:
    upload = Upload.objects.visible_to(user).select_related("fleet", "by", "by_key").filter(pk=pk).first()
    if upload is None:
        raise Http404(_("File %(id)d not found") % {"id": pk})
    return upload


@members
def file_page(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    upload = find_upload(user, pk)
    outcome = request.GET.get("outcome", "")
    shown = {
        "upload": upload,
        "steps": [
            (name, index < STEP_OF[upload.status], index == STEP_OF[upload.status])
            for index, name in enumerate(STEPS)
        ],
        "groups": [group for group in upload.fault_groups.all() if group.level == UploadFault.Level.FAULT],
        "notices": [group for group in upload.fault_groups.all() if group.level == UploadFault.Level.NOTICE],
        "fields_json": json.dumps({kind: list(schema.fields) for kind, schema in SCHEMAS.items()}),
        "counts": [(name, label, getattr(upload, name)) for name, label in COUNTS],
        "kinds": [(kind, label) for kind, label in Upload.Kind.choices if kind in SCHEMAS],
        "nothing_changed": upload.status == "APPLIED"
        and not (upload.rows_created or upload.rows_updated or upload.rows_failed),
        "outcomes": OUTCOMES.values(),
        "outcome": outcome,
        **_rows(request, upload, outcome if outcome in OUTCOMES.values() else None),
    }
    return render(request, "pages/files/page.html", shown)


def _rows(request: HttpRequest, upload: Upload, outcome: str | None) -> dict[str, Any]:
    """A page of rows; ``?row=`` opens the page on which that row stands."""
    rows = Rows(upload, outcome)
    pages = Paginator(rows, ROWS_SHOWN)
    number: Any = request.GET.get("page")
    row = request.GET.get("row", "")
    if row.isdecimal() and number is None and outcome is None:
        place = rows.place_of(int(row[:9]))
        number = place // ROWS_SHOWN + 1 if place is not None else 1
    return {"rows": pages.get_page(number), "row": int(row[:9]) if row.isdecimal() else None}


@members
def file_faults(request: HttpRequest, pk: int, group: int) -> HttpResponse:
    """The rows of one group of faults; HTMX opens them below it."""
    upload = find_upload(request.user, pk)
    chosen = upload.fault_groups.filter(pk=group).first()
    if chosen is None:
        raise Http404
    same = {"level": chosen.level, "column": chosen.column, "code": chosen.code}
    faults = upload.faults.filter(**same).order_by("row")[:FAULTS_SHOWN]
    return render(
        request, "pages/files/faults.html", {"faults": faults, "group": chosen, "most": FAULTS_SHOWN}
    )


@members
def file_events(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Server-sent events: the upload's state whenever it has moved, until it rests."""
    upload = find_upload(request.user, pk)
    answer = StreamingHttpResponse(_events(upload.pk), content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _events(pk: int) -> AsyncIterator[str]:
    told = None
    while True:
        state = await sync_to_async(_state)(pk)
        if state != told:
            yield f"data: {json.dumps(state)}\n\n"
            told = state
        if state is None or state["is_resting"]:
            return
        await asyncio.sleep(POLL_S)


def _state(pk: int) -> dict[str, Any] | None:
    """No connection is held while the stream sleeps."""
    try:
        upload = Upload.objects.filter(pk=pk).first()
        if upload is None:
            return None
        done = (
            upload.rows_created
            + upload.rows_updated
            + upload.rows_unchanged
            + upload.rows_repeated
            + upload.rows_failed
        )
        return {name: getattr(upload, name) for name in LIVE} | {
            "done": done,
            "is_resting": upload.is_resting,
        }
    finally:
        close_old_connections()
