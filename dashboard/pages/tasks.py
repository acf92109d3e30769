"""The list and the board of tasks, and what is done to many of them at once."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_filters import rest_framework as filters

from accounts.models import User
from accounts.people import assignable_people
from dashboard.bulk import chosen
from dashboard.causes import mark
from dashboard.exports import csv_of
from dashboard.pages.base import ANYONE, Page
from dashboard.shown import NOTHING, ago, due, link, number, task_badge
from dashboard.tables import Column, Facet, Listing, Table
from task_management.filters import TaskFilters
from task_management.models import Task
from task_management.services import assign_tasks, close_tasks

STATUS_LABELS = dict(Task.Status.choices)
ON_BOARD = 30


class PageTaskFilters(TaskFilters):
    """As the API's; ``assignee=me`` is whoever looks."""

    assignee = filters.CharFilter(method="filter_assignee")
    due_today = filters.BooleanFilter(method="filter_due_today")

    def filter_assignee(self, queryset: Any, name: str, value: str) -> Any:
        email = self.request.user.email if value == "me" else value
        return queryset.filter(assignee__email__iexact=email)

    def filter_due_today(self, queryset: Any, name: str, value: bool) -> Any:
        return (
            queryset.filter(pk__in=Task.objects.open().filter(due_at__range=today()).values("pk"))
            if value
            else queryset
        )


def today() -> tuple[Any, Any]:
    """From now to the end of the day, in the zone that is in force."""
    now = timezone.localtime()
    return now, now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def task_link(task: Task) -> Any:
    return link(reverse("task", args=[task.pk]), task.title, "fw-medium")


def _vehicle(task: Task, me: User) -> Any:
    if task.vehicle is None:
        return NOTHING
    return link(reverse("vehicle", args=[task.vehicle.vehicle_id]), task.vehicle.vehicle_id, "link-body")


def _customer(task: Task, me: User) -> Any:
    if task.customer is None or task.customer.deleted_at:
        return NOTHING
    return link(reverse("customer", args=[task.customer.pk]), task.customer.name, "link-body")


def maker(task: Any) -> Any:
    """What made the task, in a word: the rule, the person, the file."""
    told = task.told_cause() or {}
    if told.get("kind") == "rule":
        return link(reverse("rule", args=[told["rule_id"]]), told.get("name") or _("a rule"), "link-body")
    if told.get("kind") == "upload":
        return link(reverse("upload", args=[told["upload_id"]]), told.get("name") or _("a file"), "link-body")
    return told.get("email") or told.get("name") or NOTHING


TABLE = Table(
    "tasks",
    (
        Column("title", gettext_lazy("Task"), lambda t: t.title, lambda t, me: task_link(t), "title"),
        Column("status", gettext_lazy("Status"), lambda t: t.status, lambda t, me: task_badge(t), "status"),
        Column(
            "due_at",
            gettext_lazy("Due"),
            lambda t: t.due_at,
            lambda t, me: due(t.due_at, is_open=t.is_open),
            "due_at",
        ),
        Column(
            "vehicle_id",
            gettext_lazy("Vehicle"),
            lambda t: t.vehicle and t.vehicle.vehicle_id,
            _vehicle,
            "vehicle__vehicle_id",
        ),
        Column(
            "customer",
            gettext_lazy("Customer"),
            lambda t: t.customer and t.customer.name,
            _customer,
            "customer__name",
        ),
        Column(
            "assignee",
            gettext_lazy("Assignee"),
            lambda t: t.assignee and t.assignee.email,
            order="assignee__email",
        ),
        Column(
            "maker",
            gettext_lazy("Made by"),
            lambda t: (t.told_cause() or {}).get("kind"),
            lambda t, me: maker(t),
        ),
        Column(
            "created_at",
            gettext_lazy("Created"),
            lambda t: t.created_at,
            lambda t, me: ago(t.created_at),
            "created_at",
            is_shown=False,
        ),
        Column(
            "id",
            gettext_lazy("Number"),
            lambda t: t.pk,
            lambda t, me: number(t.pk),
            "id",
            is_number=True,
            is_shown=False,
        ),
        Column(
            "external_id",
            gettext_lazy("External id"),
            lambda t: t.external_id,
            order="external_id",
            is_shown=False,
        ),
        Column(
            "completed_at",
            gettext_lazy("Completed"),
            lambda t: t.completed_at,
            lambda t, me: ago(t.completed_at),
            "completed_at",
            is_shown=False,
        ),
    ),
    ordering="-created_at",
    search_fields=("title", "description", "external_id", "vehicle__vehicle_id"),
    search_hint=gettext_lazy("Search title, description, vehicle"),
)


def tasks_seen_by(me: User) -> QuerySet[Task]:
    seen: QuerySet[Task] = Task.objects.visible_to(me)
    return seen.select_related("vehicle", "customer", "assignee", "cause")


def task_listing(request: HttpRequest, me: User) -> Listing:
    people = assignable_people(me).order_by("email").values_list("email", "name")[:200]
    facets = (
        Facet("status", _("Status"), [(Task.Status.CREATED, _("open")), *Task.Status.choices[1:]]),
        Facet("overdue", _("Overdue"), (("true", _("yes")), ("false", _("no")))),
        Facet("due_today", _("Due today"), (("true", _("yes")),)),
        Facet(
            "assignee", _("Assignee"), [("me", _("me")), *((email, name or email) for email, name in people)]
        ),
        Facet("vehicle_id", _("Vehicle"), suggests="vehicles"),
        Facet("customer_id", _("Customer (number)"), kind="number"),
    )
    return Listing(request, TABLE, tasks_seen_by(me), facets, PageTaskFilters)


class Tasks(Page):
    section = "tasks"
    written_by = ANYONE

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = task_listing(request, self.me)
        is_board = request.GET.get("view") == "board"
        context: dict[str, Any] = {
            "listing": listing,
            "is_board": is_board,
            "is_empty": False,
            "list_address": listing.address(view=None),
            "board_address": listing.address(view="board"),
            "quick": quick_filters(listing),
        }
        if is_board:
            context["board"] = board(listing)
        else:
            context["is_empty"] = not listing.total and not listing.is_narrowed
        if self.part() == "listing":
            return self.show("tasks/board.html" if is_board else "tasks/listing.html", context)
        return self.show("tasks/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Complete, cancel or assign the ticked tasks."""
        listing = task_listing(request, self.me)
        try:
            pks = chosen(request, listing.filtered, Task.objects.visible_to(self.me))
            told = self._act(request, pks)
        except ValidationError as error:
            return self.refuse(listing.address(), error)
        return self.go(listing.address(), told)

    def _act(self, request: HttpRequest, pks: list[int]) -> str:
        action = request.POST.get("action", "")
        if action in ("complete", "cancel"):
            status = Task.Status.COMPLETE if action == "complete" else Task.Status.CANCELED
            return self._closed(close_tasks(pks, status, by=self.me), len(pks), status)
        if action != "assign":
            raise ValidationError(_("Choose what to do with the ticked tasks."))
        if not self.me.can_write:
            raise PermissionDenied
        email = request.POST.get("assignee", "").strip().lower()
        person = assignable_people(self.me).filter(email=email).first() if email else None
        if email and person is None:
            raise ValidationError(
                _("There is no active person “%(email)s” who can be given this.") % {"email": email}
            )
        count = assign_tasks(pks, person, by=self.me)
        told = ngettext(
            "%(n)s open task was given to %(who)s.", "%(n)s open tasks were given to %(who)s.", count
        )
        return told % {"n": number(count), "who": person.email if person else _("nobody")}

    def _closed(self, count: int, meant: int, status: str) -> str:
        told = ngettext("%(n)s task is %(status)s now.", "%(n)s tasks are %(status)s now.", count)
        rest = _(" %(n)s were closed before.") % {"n": number(meant - count)} if meant > count else ""
        return told % {"n": number(count), "status": STATUS_LABELS[status]} + rest


def quick_filters(listing: Listing) -> list[tuple[str, str, bool]]:
    """``(label, address, whether it is in force)`` of what is looked for most."""
    named = (
        (_("Open"), {"status": Task.Status.CREATED.value}),
        (_("Mine"), {"status": Task.Status.CREATED.value, "assignee": "me"}),
        (_("Due today"), {"due_today": "true"}),
        (_("Overdue"), {"overdue": "true"}),
    )
    names = ("status", "assignee", "due_today", "overdue")
    now = {name: value for name in names if (value := listing.request.GET.get(name))}
    return [
        (
            label,
            listing.address(
                **dict.fromkeys(names, None) if now == wanted else {**dict.fromkeys(names, None), **wanted}
            ),
            now == wanted,
        )
        for label, wanted in named
    ]


def board(listing: Listing) -> list[dict[str, Any]]:
    """A column of cards per status: the most urgent first, the newest of those that are closed."""
    orders = {
        Task.Status.CREATED: ("due_at", "pk"),
        Task.Status.COMPLETE: ("-completed_at",),
        Task.Status.CANCELED: ("-canceled_at",),
    }
    columns = []
    for status, order in orders.items():
        found = listing.filtered.filter(status=status)
        cards = [(task, mark(task.told_cause())) for task in found.order_by(*order)[:ON_BOARD]]
        label = _("open") if status == Task.Status.CREATED else STATUS_LABELS[status]
        columns.append(
            {
                "status": status,
                "label": label,
                "count": found.count(),
                "cards": cards,
                "address": listing.address(status=status, view=None),
            }
        )
    return columns


class TasksCsv(Page):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return csv_of(task_listing(request, self.me), "tasks")
