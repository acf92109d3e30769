"""Files: the list of uploads, the place to drop new ones, and templates to begin with."""

import csv
import io
import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Fleet, User
from dashboard.pages.base import Page
from dashboard.pages.vehicle_table import fleet_choices
from dashboard.progress import progress_of
from dashboard.shown import NOTHING, ago, badge, duration, link, number, size
from dashboard.tables import Column, Facet, Listing, Table
from file_manager.filters import UploadFilters
from file_manager.models import Upload
from file_manager.services import receive_upload
from file_manager.tasks import ring_for_uploads

STATUS_LABELS = dict(Upload.Status.choices)
KIND_LABELS = dict(Upload.Kind.choices)

# One row that shows what belongs where; every header is one that the import knows.
TEMPLATES: dict[str, dict[str, str]] = {
    "vehicles": {
        "vehicle_id": "fleet-001-VH-001",
        "vin": "1FTBW2CM5HKA12345",
        "plate": "FL-1001",
        "make": "Ford",
        "model": "Transit 350",
        "model_year": "2021",
        "vehicle_type": "van",
        "fuel_type": "diesel",
        "color": "white",
        "in_service_date": "2021-03-01",
        "odometer_km": "48210",
        "customer": "Acme Freight",
        "notes": "",
    },
    "customers": {
        "external_id": "C-1001",
        "name": "Acme Freight",
        "email": "dispatch@acme.example",
        "phone": "+1 206 555 0100",
        "address": "1 Harbor Ave, Seattle",
    },
    "statuses": {
        "vehicle_id": "fleet-001-VH-001",
        "recorded_at": "2026-01-31T08:00:00Z",
        "odometer_km": "48310",
        "battery_pct": "81",
        "speed_kmh": "0",
        "status": "IDLE",
        "latitude": "47.606209",
        "longitude": "-122.332069",
    },
    "tasks": {
        "external_id": "WO-1",
        "title": "Change the oil",
        "description": "",
        "vehicle_id": "fleet-001-VH-001",
        "assignee": "",
        "due_at": "2026-12-01T08:00:00Z",
        "status": "created",
    },
}


def uploader(upload: Upload) -> str | None:
    return upload.by.email if upload.by else upload.by_key.name if upload.by_key else None


def took(upload: Upload) -> Any:
    if upload.started_at is None:
        return NOTHING
    until = upload.finished_at or timezone.now()
    return duration((until - upload.started_at).total_seconds())


def shown_state(upload: Upload) -> Any:
    """The status as a badge; while the upload is on its way, with its bar."""
    told = badge(upload.status, str(STATUS_LABELS[upload.status]))
    if upload.is_resting:
        return told
    bar = progress_of(upload)
    if bar.percent is None:
        return format_html('{}<progress class="bar"></progress>', told)
    return format_html('{}<progress class="bar" max="100" value="{}"></progress>', told, bar.percent)


def _count(name: str, label: Any, tone: str = "") -> Column:
    def cell(upload: Upload, me: User) -> Any:
        value = getattr(upload, name)
        return format_html('<span class="{}">{}</span>', tone if value else "text-placeholder", number(value))

    return Column(name, label, lambda upload: getattr(upload, name), cell, name, is_number=True)


TABLE = Table(
    "files",
    (
        Column("name", gettext_lazy("File"), lambda u: u.name, lambda u, me: file_link(u), "name"),
        Column("kind", gettext_lazy("Kind"), lambda u: u.kind, lambda u, me: KIND_LABELS[u.kind], "kind"),
        Column("status", gettext_lazy("State"), lambda u: u.status, lambda u, me: shown_state(u), "status"),
        _count("rows_created", gettext_lazy("Created"), "text-green"),
        _count("rows_updated", gettext_lazy("Updated"), "text-blue"),
        _count("rows_unchanged", gettext_lazy("Unchanged")),
        _count("rows_failed", gettext_lazy("Failed"), "text-red fw-medium"),
        Column("by", gettext_lazy("Uploaded by"), uploader),
        Column(
            "created_at",
            gettext_lazy("When"),
            lambda u: u.created_at,
            lambda u, me: ago(u.created_at),
            "created_at",
        ),
        Column("took", gettext_lazy("Took"), lambda u: None, lambda u, me: took(u), is_number=True),
        Column("fleet_id", gettext_lazy("Fleet"), lambda u: u.fleet and u.fleet.fleet_id, is_shown=False),
        Column(
            "rows_total",
            gettext_lazy("Rows"),
            lambda u: u.rows_total,
            lambda u, me: number(u.rows_total),
            "rows_total",
            is_number=True,
            is_shown=False,
        ),
        Column(
            "size_bytes",
            gettext_lazy("Size"),
            lambda u: u.size_bytes,
            lambda u, me: size(u.size_bytes),
            "size_bytes",
            is_number=True,
            is_shown=False,
        ),
    ),
    ordering="-created_at",
    search_fields=("name",),
    search_hint=gettext_lazy("Search file names"),
)


def file_link(upload: Upload) -> Any:
    return link(reverse("upload", args=[upload.pk]), upload.name, "fw-medium")


def uploads_seen_by(me: User) -> QuerySet[Upload]:
    seen: QuerySet[Upload] = Upload.objects.visible_to(me)
    return seen.select_related("fleet", "by", "by_key")


def upload_listing(request: HttpRequest, me: User) -> Listing:
    facets = (
        Facet("kind", _("Kind"), Upload.Kind.choices),
        Facet("status", _("State"), Upload.Status.choices),
        Facet("fleet_id", _("Fleet"), fleet_choices(me)),
        Facet("uploaded_by", _("Uploaded by (e-mail)")),
        Facet("created_after", _("Uploaded after"), kind="hidden"),
    )
    return Listing(request, TABLE, uploads_seen_by(me), facets, UploadFilters)


def upload_words() -> dict[str, str]:
    """What the page's script says of files on their way."""
    return {
        "waits": _("waits"),
        "stored": _("is being stored"),
        "open": _("See how it fares"),
        "needs_fleet": _("Choose the fleet that new vehicles go to."),
        "no_answer": _("The server cannot be reached; drop the file again in a moment."),
        "too_large": _("The file is larger than %(most)s.") % {"most": size(settings.UPLOAD_MAX_BYTES)},
    }


class Files(Page):
    section = "files"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = upload_listing(request, self.me)
        context = {
            "listing": listing,
            "is_empty": not listing.total and not listing.is_narrowed,
            "kinds": Upload.Kind.choices,
            "fleets": fleet_choices(self.me),
            "templates": [(kind, KIND_LABELS[kind]) for kind in TEMPLATES],
            "most_bytes": settings.UPLOAD_MAX_BYTES,
            "kind_hint": request.GET.get("kind_hint", ""),
            "upload_words": json.dumps(upload_words()),
        }
        if self.part() == "listing":
            return self.show("files/listing.html", context)
        return self.show("files/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """A file from a browser without scripts; with them, the page hands files to the API."""
        try:
            upload = self._receive(request)
        except ValidationError as error:
            return self.refuse(reverse("files"), error)
        ring_for_uploads()
        return self.go(reverse("upload", args=[upload.pk]))

    def _receive(self, request: HttpRequest) -> Upload:
        file = request.FILES.get("file")
        if file is None:
            raise ValidationError(_("Choose a file."))
        if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise ValidationError(
                _("The file is larger than %(most)s.") % {"most": size(settings.UPLOAD_MAX_BYTES)}
            )
        fleet_id = request.POST.get("fleet_id", "")
        fleet = Fleet.objects.visible_to(self.me).filter(fleet_id=fleet_id).first()
        return receive_upload(
            file.file or file,
            name=file.name or "",
            kind=request.POST.get("kind", "auto"),
            fleet=fleet,
            apply=request.POST.get("apply") != "false",
            mapping=None,
            by=self.me,
        )


class FileRow(Page):
    """One row of the list, asked for again and again while its upload is on its way."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = get_object_or_404(uploads_seen_by(self.me), pk=pk)
        listing = upload_listing(request, self.me)
        cells = [(column, column.show(upload, self.me)) for column in listing.columns]
        return self.show("files/row.html", {"row": upload, "cells": cells, "listing": listing})


class FileTemplate(Page):
    """A file to begin with: the headers that we know, and one row that shows what belongs where."""

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        if kind not in TEMPLATES:
            raise Http404
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerows((TEMPLATES[kind].keys(), TEMPLATES[kind].values()))
        answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{kind}-template.csv"'
        return answer
