"""What needs me today, and the search that every page has."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from customer_management.models import Customer
from dashboard.views.access import members
from file_manager.models import Upload
from rules.models import Firing, FiringAction, Rule
from task_management.models import Task
from vehicle_management.live import told_status
from vehicle_management.models import Vehicle, VehicleStatus

FOUND_OF_EACH = 5


@members
def overview(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    vehicles = Vehicle.objects.visible_to(user)
    tasks = Task.objects.visible_to(user).open()
    now = timezone.now()
    by_status = dict(
        vehicles.annotate(shown=told_status())
        .values("shown")
        .annotate(n=Count("pk"))
        .values_list("shown", "n")
        .order_by()
    )
    due = tasks.aggregate(
        open=Count("pk"),
        overdue=Count("pk", filter=Q(due_at__lt=now)),
        soon=Count("pk", filter=Q(due_at__range=(now, now + timedelta(days=7)))),
    )
    failing = FiringAction.objects.visible_to(user).filter(status__in=("FAILED", "PARKED"))
    shown = {
        "total": sum(by_status.values()),
        "by_status": [
            (value, label, by_status.get(value, 0)) for value, label in VehicleStatus.Status.choices
        ],
        "due": due,
        "uploads": Upload.objects.visible_to(user).select_related("by")[:6],
        "waiting": Upload.objects.visible_to(user).filter(status="REVIEW").count(),
        "firings": Firing.objects.visible_to(user).select_related("rule", "vehicle")[:8],
        "failing": failing.count(),
        "my_tasks": tasks.filter(assignee=user.user).select_related("vehicle").order_by("due_at")[:8],
        "rules": Rule.objects.visible_to(user).enabled().count(),
    }
    return render(request, "pages/overview.html", shown)


@members
def search(request: HttpRequest) -> HttpResponse:
    """A few of each kind; HTMX shows them below the box, without it they are a page."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    template = "pages/found.html" if request.headers.get("HX-Request") else "pages/search.html"
    return render(request, template, {"words": words, "groups": _found(request.user, words) if words else []})


def _found(user: Any, words: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    vehicles = Vehicle.objects.visible_to(user).filter(
        Q(vehicle_id__istartswith=words) | Q(plate__istartswith=words) | Q(vin__istartswith=words)
    )[:FOUND_OF_EACH]
    customers = Customer.objects.visible_to(user).filter(Q(name__icontains=words) | Q(external_id=words))[
        :FOUND_OF_EACH
    ]
    tasks = Task.objects.visible_to(user).filter(title__icontains=words)[:FOUND_OF_EACH]
    uploads = Upload.objects.visible_to(user).filter(name__icontains=words)[:FOUND_OF_EACH]
    rules = Rule.objects.visible_to(user).filter(name__icontains=words)[:FOUND_OF_EACH]
    groups = [
        (
            _("Vehicles"),
            [
                (f"/vehicles/{v.vehicle_id}", v.vehicle_id, f"{v.plate or ''} {v.make or ''}")
                for v in vehicles
            ],
        ),
        (_("Customers"), [(f"/customers/{c.pk}", c.name, c.external_id or "") for c in customers]),
        (_("Tasks"), [(f"/tasks/{t.pk}", t.title, t.status) for t in tasks]),
        (_("Files"), [(f"/files/{u.pk}", u.name, u.status) for u in uploads]),
        (_("Rules"), [(f"/rules/{r.pk}", r.name, "") for r in rules]),
    ]
    return [(label, found) for label, found in groups if found]
