"""Tasks: the list and the board, one task with its story, and its forms."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.actors import sender_of
from accounts.models import User
from accounts.people import assignable_people
from customer_management.models import Customer
from dashboard.views.access import members, told_errors, writers
from dashboard.views.tables import Table, TableColumn, chosen_filters
from dashboard.views.vehicle_forms import styled
from rules.exceptions import RuleIsNotYours
from rules.models import FiringAction, Rule
from rules.services import attach_rules_to_task
from task_management import services
from task_management.exceptions import TaskIsFinal
from task_management.models import Task
from vehicle_management.models import Vehicle

FILTERS = {"status": "status", "vehicle": "vehicle__vehicle_id", "assignee": "assignee__email__iexact"}
COLUMNS = (
    TableColumn("title", gettext_lazy("Task"), lambda t: t.title, "title"),
    TableColumn("status", gettext_lazy("Status"), lambda t: t.status, "status"),
    TableColumn(
        "vehicle",
        gettext_lazy("Vehicle"),
        lambda t: t.vehicle and t.vehicle.vehicle_id,
        "vehicle__vehicle_id",
    ),
    TableColumn(
        "customer", gettext_lazy("Customer"), lambda t: t.customer and t.customer.name, "customer__name"
    ),
    TableColumn(
        "assignee", gettext_lazy("Assignee"), lambda t: t.assignee and t.assignee.email, "assignee__email"
    ),
    TableColumn("due_at", gettext_lazy("Due"), lambda t: t.due_at and t.due_at.isoformat(), "due_at"),
    TableColumn("made_by", gettext_lazy("Made by"), lambda t: str((t.told_cause() or {}).get("kind", ""))),
    TableColumn("created_at", gettext_lazy("Created"), lambda t: t.created_at.isoformat(), "created_at"),
)


def seen_tasks(user: Any) -> QuerySet:
    return Task.objects.visible_to(user).select_related("vehicle", "customer", "assignee", "cause")


@members
def task_list(request: HttpRequest) -> HttpResponseBase:
    user: Any = request.user
    rows: Any = seen_tasks(user).filter(**chosen_filters(request, FILTERS))
    if request.GET.get("overdue"):
        rows = rows.overdue()
    table = Table(
        request, rows, COLUMNS, searched=("title", "external_id", "vehicle__vehicle_id"), default_sort="-pk"
    )
    if table.wants_csv:
        return table.as_csv("tasks")
    is_board = request.GET.get("view") == "board"
    board = (
        [(value, label, table.rows.filter(status=value)[:30]) for value, label in Task.Status.choices]
        if is_board
        else []
    )
    shown = {
        "table": table,
        "board": board,
        "statuses": Task.Status.choices,
        "people": assignable_people(user)[:200],
    }
    return render(request, "pages/tasks/list.html", shown)


@members
@require_POST
def tasks_bulk(request: HttpRequest) -> HttpResponse:
    """Complete, cancel or assign the ticked tasks."""
    user: Any = request.user
    pks = [int(pk) for pk in request.POST.getlist("ticked") if pk.isdecimal()]
    does = request.POST.get("do", "")
    if does == "assign" and user.can_write:
        person = assignable_people(user).filter(email=request.POST.get("assignee", "")).first()
        count = services.assign_tasks(pks, person, by=user)
    elif does in (Task.Status.COMPLETE, Task.Status.CANCELED):
        count = services.close_tasks(pks, does, by=user)
    else:
        count = 0
    messages.success(request, _("%(n)d tasks changed.") % {"n": count})
    back = request.POST.get("back", "")
    return redirect(back if back.startswith("/tasks") else "/tasks")


def find_task(request: HttpRequest, pk: int) -> Task:
    task = seen_tasks(request.user).filter(pk=pk).first()
    if task is None:
        raise Http404(_("Task %(id)s not found") % {"id": pk})
    return task


@members
def task_page(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    task = find_task(request, pk)
    made = FiringAction.objects.visible_to(user).filter(task=task).select_related("firing__rule").first()
    shown = {
        "task": task,
        "firing": made.firing if made else None,
        "cause": task.told_cause(),
        "comments": task.comments.select_related("by"),
        "rules": task.rules.all() & Rule.objects.visible_to(user),
        "all_rules": Rule.objects.visible_to(user)[:200] if user.can_write else [],
    }
    return render(request, "pages/tasks/page.html", shown)


@members
@require_POST
def task_do(request: HttpRequest, pk: int, does: str) -> HttpResponse:
    user: Any = request.user
    task = find_task(request, pk)
    try:
        if does == "complete":
            services.complete_task(task, by=user)
        elif does == "cancel":
            services.cancel_task(task, by=user)
        else:
            services.comment_on_task(task, request.POST.get("text", ""), by=user)
    except (TaskIsFinal, ValidationError) as error:
        messages.error(request, " ".join(told_errors(error)))
    return redirect(f"/tasks/{pk}")


@writers
@require_POST
def task_rules(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the ticked rules the task's own."""
    user: Any = request.user
    task = find_task(request, pk)
    wanted = [int(one) for one in request.POST.getlist("rules") if one.isdecimal()]
    try:
        attach_rules_to_task(task, list(Rule.objects.visible_to(user).filter(pk__in=wanted)), by=user)
    except RuleIsNotYours as error:
        messages.error(request, str(error))
    return redirect(f"/tasks/{pk}")


class TaskForm(forms.ModelForm):
    vehicle = forms.CharField(label=gettext_lazy("Vehicle id"), required=False, max_length=64)
    customer = forms.CharField(
        label=gettext_lazy("Customer (name or external id)"), required=False, max_length=200
    )

    class Meta:
        model = Task
        fields = ("title", "description", "vehicle", "customer", "assignee", "due_at", "external_id")
        widgets = {"due_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")}

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        people: Any = self.fields["assignee"]
        people.queryset = User.objects.filter(pk__in=assignable_people(user).values("pk"))
        if self.instance.pk and not self.is_bound:
            self.initial["vehicle"] = self.instance.vehicle.vehicle_id if self.instance.vehicle else ""
            self.initial["customer"] = self.instance.customer.name if self.instance.customer else ""
        styled(self)

    def _post_clean(self) -> None:
        """The service checks and stores."""

    def clean_vehicle(self) -> Vehicle | None:
        name = self.cleaned_data["vehicle"].strip()
        found = Vehicle.objects.visible_to(self.user).filter(vehicle_id=name).first() if name else None
        if name and found is None:
            raise forms.ValidationError(_("There is no vehicle “%(id)s” that you see.") % {"id": name})
        return found

    def clean_customer(self) -> Customer | None:
        name = self.cleaned_data["customer"].strip()
        seen = Customer.objects.visible_to(self.user)
        found = (seen.filter(external_id=name).first() or seen.filter(name=name).first()) if name else None
        if name and found is None:
            raise forms.ValidationError(_("There is no customer “%(name)s” that you see.") % {"name": name})
        return found

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


@writers
def task_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@writers
def task_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit(request, find_task(request, pk))


def _edit(request: HttpRequest, task: Task | None) -> HttpResponse:
    user: Any = request.user
    asked = (
        {"vehicle": request.GET.get("vehicle", ""), "customer": _customer_name(request)}
        if task is None
        else None
    )
    form = TaskForm(request.POST or None, instance=task, user=user, initial=asked)
    if request.method == "POST" and form.is_valid():
        try:
            values = form.cleaned_data
            saved = (
                services.update_task(task, values, by=user) if task else services.create_task(values, by=user)
            )
        except ValidationError as error:
            for text in told_errors(error):
                form.add_error(None, text)
        else:
            return redirect(f"/tasks/{saved.pk}")
    back = f"/tasks/{task.pk}" if task else "/tasks"
    return render(
        request,
        "pages/form_page.html",
        {"form": form, "heading": task.title if task else _("New task"), "back": back},
    )


def _customer_name(request: HttpRequest) -> str:
    pk = request.GET.get("customer", "")
    seen = Customer.objects.visible_to(sender_of(request))
    found = seen.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
    return found.name if found else ""
