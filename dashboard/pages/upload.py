"""One upload: how it was read, what its columns became, how far it is, what was wrong, and its rows."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import User
from api_pattern.pagination import DEFAULT_LIMIT
from customer_management.models import Customer
from dashboard.pages.base import Page, ask_to_log_in
from dashboard.pages.files import took, uploader, uploads_seen_by
from dashboard.pages.upload_columns import chosen_mapping, mapping_rows, selected, target_groups
from dashboard.pages.vehicle_facts import label_of, shown_value
from dashboard.progress import COUNTS, Pace, event, events, progress_of, state_of
from dashboard.shown import badge
from feed_processor.schemas import SCHEMAS
from file_manager.exceptions import UploadIsNotResting
from file_manager.models import Upload, UploadFault
from file_manager.rows import OF_VEHICLES, OUTCOMES, Rows
from file_manager.services import apply_upload, cancel_upload
from file_manager.tasks import ring_for_uploads
from task_management.models import Task

MOST_FAULTS = 20
STEPS = ("file", "columns", "check", "import")
STEP_OF = {"UPLOADED": 0, "READING": 2, "REVIEW": 1, "APPLYING": 3, "APPLIED": 4, "FAILED": 4, "REVERTED": 4}
# Of tasks, “created” is blue; of rows it is the good news.
OUTCOME_TONES = {"created": "APPLIED"}
CANCELABLE = ("UPLOADED", "READING", "REVIEW")


class OfUpload(Page):
    section = "files"

    def upload(self, pk: int) -> Upload:
        return get_object_or_404(uploads_seen_by(self.me).select_related("cause"), pk=pk)


class UploadPage(OfUpload):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self.upload(pk)
        part = self.part()
        if part == "rows":
            context = {"upload": upload, "counts": self._counts(upload), **self._rows(upload)}
            return self.show("upload/rows.html", context)
        if part.startswith("fault-"):
            return self.show("upload/fault_rows.html", {"upload": upload, **self._fault_rows(upload)})
        return self.page(upload, part)

    def page(self, upload: Upload, part: str = "", error: str = "") -> HttpResponse:
        context = {
            "error": error,
            "upload": upload,
            "uploader": uploader(upload),
            "took": took(upload),
            "progress": progress_of(upload),
            "counts": self._counts(upload),
            "steps": self._steps(upload),
            "step": STEP_OF[upload.status],
            "is_cancelable": upload.status in CANCELABLE,
            **self._columns(upload),
            "kinds": [(kind, label) for kind, label in Upload.Kind.choices if kind != "auto"],
            **self._faults(upload),
            **self._rows(upload),
        }
        template = "upload/main.html" if part == "upload" else "upload/page.html"
        return self.show(template, context, status=422 if error else 200)

    def _columns(self, upload: Upload) -> dict[str, Any]:
        """The mapping; in review for the kind that the person just chose."""
        asked = self.request.GET.get("kind", "") or self.request.POST.get("kind", "")
        kind = asked if upload.status == Upload.Status.REVIEW and asked in SCHEMAS else upload.kind
        choice = selected(upload, self.request.POST) if self.request.method == "POST" else None
        return {"kind": kind, "columns": mapping_rows(upload, kind, choice), "targets": target_groups(kind)}

    def _steps(self, upload: Upload) -> list[tuple[str, Any]]:
        return list(zip(STEPS, (_("File"), _("Columns"), _("Check"), _("Import")), strict=True))

    def _counts(self, upload: Upload) -> list[tuple[str, str, int]]:
        return [(name, label, getattr(upload, f"rows_{name}")) for name, label in outcome_labels().items()]

    def _faults(self, upload: Upload) -> dict[str, Any]:
        groups = list(upload.fault_groups.all())
        return {
            "file_faults": list(upload.faults.filter(row=0, level=UploadFault.Level.FAULT)[:MOST_FAULTS]),
            "faults": [group for group in groups if group.level == UploadFault.Level.FAULT],
            "notices": [group for group in groups if group.level == UploadFault.Level.NOTICE],
        }

    def _fault_rows(self, upload: Upload) -> dict[str, Any]:
        group = get_object_or_404(upload.fault_groups, pk=_whole(self.request.GET.get("group")))
        same = upload.faults.filter(level=group.level, column=group.column, code=group.code)
        faults = list(same.order_by("row", "id")[:MOST_FAULTS])
        return {"faults": faults, "more": max(group.count - len(faults), 0)}

    def _rows(self, upload: Upload) -> dict[str, Any]:
        asked = self.request.GET.get("outcome", "")
        outcome = asked if asked in OUTCOMES.values() else ""
        row = _whole(self.request.GET.get("row"))
        rows = Rows(upload, outcome or None)
        first = (max(_whole(self.request.GET.get("page")), 1) - 1) * DEFAULT_LIMIT
        if row and not outcome:
            first = place_of(upload, row)
        shown = rows[first : first + DEFAULT_LIMIT]
        page = first // DEFAULT_LIMIT + 1
        reasons = reasons_of(upload, [one["row"] for one in shown])
        names = names_of(upload, [one["id"] for one in shown if "id" in one], self.me)
        return {
            "rows": [self._told(upload, one, reasons, names) for one in shown],
            "row_count": len(rows),
            "outcome": outcome,
            "outcomes": list(COUNTS),
            "sought_row": row,
            "next_page": page + 1 if first + DEFAULT_LIMIT < len(rows) else None,
            "previous_page": page - 1 if page > 1 else None,
        }

    def _told(
        self,
        upload: Upload,
        row: dict[str, Any],
        reasons: Mapping[int, list[str]],
        names: Mapping[int, str],
    ) -> dict[str, Any]:
        is_vehicle = upload.kind in OF_VEHICLES
        changes = [
            (
                label_of(field),
                shown_value(field if is_vehicle else "", pair[0], self.me),
                shown_value(field if is_vehicle else "", pair[1], self.me),
            )
            for field, pair in sorted(row["changes"].items())
        ]
        return {
            **row,
            "address": address_of(upload, row),
            "became": row.get("vehicle_id") or names.get(row.get("id", 0), f"#{row.get('id', '')}"),
            "differences": changes,
            "badge": badge(
                OUTCOME_TONES.get(row["outcome"], row["outcome"]), outcome_labels()[row["outcome"]]
            ),
            "faults": reasons.get(row["row"], []),
        }


def outcome_labels() -> dict[str, str]:
    labels = (_("created"), _("updated"), _("unchanged"), _("repeated"), _("failed"))
    return dict(zip(COUNTS, labels, strict=True))


def reasons_of(upload: Upload, rows: list[int]) -> dict[int, list[str]]:
    """Why these rows failed, or what is worth knowing of them."""
    reasons: dict[int, list[str]] = {}
    found = upload.faults.filter(row__in=rows).order_by("row", "id")
    for row, column, message in found.values_list("row", "column", "message"):
        reasons.setdefault(row, []).append(f"{column}: {message}" if column else message)
    return reasons


def names_of(upload: Upload, pks: list[int], me: User) -> dict[int, str]:
    """What the customers or tasks that rows became are called, of those that one sees."""
    model, name = (Customer, "name") if upload.kind == "customers" else (Task, "title")
    return dict(model.all_objects.visible_to(me).filter(pk__in=pks).values_list("pk", name)) if pks else {}


def address_of(upload: Upload, row: dict[str, Any]) -> str:
    """The page of what a row became."""
    if vehicle_id := row.get("vehicle_id"):
        return reverse("vehicle", args=[vehicle_id])
    if pk := row.get("id"):
        return reverse("customer" if upload.kind == "customers" else "task", args=[pk])
    return ""


def place_of(upload: Upload, row: int) -> int:
    """Where a row of the file stands among the rows as they were worked on, cut to whole pages."""
    chunk = upload.chunks.filter(rows__contains=[row]).first()
    if chunk is None:
        return 0
    place = chunk.first_seq - 1 + chunk.rows.index(row)
    return place // DEFAULT_LIMIT * DEFAULT_LIMIT


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


class ApplyUpload(UploadPage):
    """Go on with an upload that waits for review, with the columns as they were chosen."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self.upload(pk)
        kind = request.POST.get("kind") or upload.kind
        mapping = chosen_mapping(upload, kind, selected(upload, request.POST))
        try:
            apply_upload(upload, kind=kind, mapping=mapping, by=self.me)
        except ValidationError as error:
            return self.page(upload, error=" ".join(error.messages))
        except UploadIsNotResting as error:
            return self.refuse(reverse("upload", args=[pk]), error)
        ring_for_uploads()
        return self.go(reverse("upload", args=[pk]))


class CancelUpload(OfUpload):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        address = reverse("upload", args=[pk])
        try:
            cancel_upload(self.upload(pk), by=self.me)
        except UploadIsNotResting as error:
            return self.refuse(address, error)
        return self.go(address, _("The upload was canceled; nothing was applied."))


@require_GET
async def upload_events(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Server-sent events while the upload is on its way; one event where it rests."""
    upload = await sync_to_async(_seen)(request, pk)
    if upload is None:
        return ask_to_log_in(request)
    if upload.is_resting:
        return _stream(iter([event(state_of(upload, Pace()))]))
    return _stream(events(pk, asyncio.sleep))


def _seen(request: HttpRequest, pk: int) -> Upload | None:
    if not request.user.is_authenticated:
        return None
    return get_object_or_404(Upload.objects.visible_to(request.user), pk=pk)


def _stream(pieces: Iterator[bytes] | Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        pieces,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
