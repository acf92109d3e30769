"""What needs somebody today, and how the fleet is: every number leads to its list."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import ngettext_lazy

from dashboard.alert_words import IS_UNHEARD, alerts_seen_by, open_by_severity
from dashboard.pages.base import Page
from dashboard.pages.files import uploads_seen_by
from dashboard.pages.firings import firings_seen_by
from dashboard.pages.tasks import tasks_seen_by, today
from dashboard.pages.trips import trips_between, trips_seen_by
from dashboard.report_range import range_of
from dashboard.report_tiles import tiles_of
from dashboard.shown import COLOURS, VEHICLE_LABELS
from file_manager.models import Upload
from rules.models import FiringAction
from task_management.models import Task
from telemetry.models import ParkedEntry, Trip
from telemetry.scoring import BEST
from vehicle_management.live import told_status
from vehicle_management.models import Vehicle

LATELY = timedelta(days=7)
LISTED = 6
BAR_WIDTH = 1000


@dataclass
class Need:
    """Something that waits for the person: how many, and where they are listed."""

    count: int
    label: Any
    address: str
    icon: str
    tone: str

    @property
    def told(self) -> str:
        """In the number that it is."""
        return str(self.label % self.count)


def _alert_need(alerts: list[dict[str, Any]]) -> Need:
    return Need(
        sum(one["unheard"] for one in alerts),
        ngettext_lazy("alert waits to be acknowledged", "alerts wait to be acknowledged"),
        f"{reverse('alerts')}?state=unacknowledged",
        "tabler-bell-ringing",
        "red",
    )


class Overview(Page):
    section = "overview"

    def get(self, request: HttpRequest) -> HttpResponse:
        statuses = self._statuses()
        tasks = self._task_counts()
        alerts = open_by_severity(self.me)
        context = {
            "statuses": statuses,
            "vehicle_total": sum(one["count"] for one in statuses),
            "tasks": tasks,
            "alerts": alerts,
            "latest_alerts": alerts_seen_by(self.me)
            .filter(IS_UNHEARD)
            .order_by("-severity_rank", "-pk")[:LISTED],
            "needs": [need for need in [_alert_need(alerts), *self._needs(tasks)] if need.count],
            "next_tasks": tasks_seen_by(self.me)
            .filter(status=Task.Status.CREATED, due_at__isnull=False)
            .order_by("due_at", "pk")[:LISTED],
            "uploads": uploads_seen_by(self.me)
            .filter(created_at__gte=timezone.now() - LATELY)
            .order_by("-pk")[:LISTED],
            "firings": firings_seen_by(self.me).order_by("-pk")[:LISTED],
            "driving": self._driving(),
            "hour": timezone.localtime().hour,
        }
        return self.show("overview.html", context)

    def _statuses(self) -> list[dict[str, Any]]:
        """Per status its number and its piece of the bar."""
        found = (
            Vehicle.objects.visible_to(self.me)
            .order_by()
            .values(told=told_status())
            .annotate(count=Count("pk"))
        )
        counts = {row["told"]: row["count"] for row in found}
        total = sum(counts.values()) or 1
        pieces, at = [], 0.0
        for code, label in VEHICLE_LABELS.items():
            width = counts.get(code, 0) / total * BAR_WIDTH
            address = f"{reverse('vehicles')}?{urlencode({'status': code})}"
            pieces.append(
                {
                    "code": code,
                    "label": label,
                    "count": counts.get(code, 0),
                    "address": address,
                    "colour": COLOURS[code],
                    "x": f"{at:.1f}",
                    "width": f"{width:.1f}",
                }
            )
            at += width
        return pieces

    def _driving(self) -> dict[str, Any]:
        """How safely was driven lately: the report's numbers, and the trips that one should look at."""
        span = range_of({})
        trips = trips_between(trips_seen_by(self.me), span.start, span.end)
        harsh = trips.filter(status=Trip.Status.COMPLETED, safety_score__lt=BEST)
        return {
            "tiles": tiles_of(self.me, None, span),
            "worst": harsh.order_by("safety_score", "-began_at")[:LISTED],
        }

    def _task_counts(self) -> dict[str, int]:
        now, end = today()
        is_open = Q(status=Task.Status.CREATED)
        return Task.objects.visible_to(self.me).aggregate(
            open=Count("pk", filter=is_open),
            overdue=Count("pk", filter=is_open & Q(due_at__lt=now)),
            today=Count("pk", filter=is_open & Q(due_at__range=(now, end))),
            mine=Count("pk", filter=is_open & Q(assignee=self.me)),
            mine_overdue=Count("pk", filter=is_open & Q(assignee=self.me, due_at__lt=now)),
        )

    def _needs(self, tasks: dict[str, int]) -> list[Need]:
        files, listed = reverse("files"), reverse("tasks")
        uploads = Upload.objects.visible_to(self.me)
        since = timezone.now() - LATELY
        after = urlencode({"created_after": since.isoformat(timespec="seconds")})
        waiting = uploads.filter(status=Upload.Status.REVIEW).count()
        failed = uploads.filter(
            status=Upload.Status.FAILED, cancel_requested=False, created_at__gte=since
        ).count()
        actions = FiringAction.objects.visible_to(self.me).filter(status__in=("FAILED", "PARKED"))
        needs = [
            Need(
                tasks["mine_overdue"],
                ngettext_lazy("overdue task of yours", "overdue tasks of yours"),
                f"{listed}?assignee=me&overdue=true",
                "tabler-user-exclamation",
                "red",
            ),
            Need(
                tasks["overdue"],
                ngettext_lazy("overdue task", "overdue tasks"),
                f"{listed}?overdue=true",
                "tabler-alarm",
                "red",
            ),
            Need(
                tasks["today"],
                ngettext_lazy("task due today", "tasks due today"),
                f"{listed}?due_today=true",
                "tabler-calendar-due",
                "yellow",
            ),
        ]
        if self.me.can_write:
            needs += [
                Need(
                    waiting,
                    ngettext_lazy("file waits for review", "files wait for review"),
                    f"{files}?status=REVIEW",
                    "tabler-eye-check",
                    "yellow",
                ),
                Need(
                    failed,
                    ngettext_lazy("file failed lately", "files failed lately"),
                    f"{files}?status=FAILED&{after}",
                    "tabler-file-alert",
                    "red",
                ),
                Need(
                    self._unscored(),
                    ngettext_lazy("trip could not be scored", "trips could not be scored"),
                    f"{reverse('trips')}?range=7d&status=FAILED",
                    "tabler-route-off",
                    "red",
                ),
                Need(
                    actions.values("firing").distinct().count(),
                    ngettext_lazy("firing with failed actions", "firings with failed actions"),
                    f"{reverse('firings')}?failing=true",
                    "tabler-bolt-off",
                    "red",
                ),
            ]
        if self.me.is_administrator:
            needs.append(
                Need(
                    ParkedEntry.objects.visible_to(self.me).count(),
                    ngettext_lazy("parked entry", "parked entries"),
                    reverse("parked"),
                    "tabler-mailbox",
                    "yellow",
                )
            )
        return needs

    def _unscored(self) -> int:
        span = range_of({})
        failed = trips_between(trips_seen_by(self.me), span.start, span.end).filter(status=Trip.Status.FAILED)
        return int(failed.count())
