"""One task: its story, what people said of it, and what is done with it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from customer_management.models import Customer
from dashboard.forms.tasks import CommentForm, TaskForm
from dashboard.pages.base import ANYONE, WRITERS, Page
from dashboard.pages.tasks import tasks_seen_by
from dashboard.picks import customer_text
from rules.activity import firing_of_task
from rules.exceptions import RuleIsNotYours
from rules.models import Rule
from rules.services import attach_rules_to_task, sentence_of
from rules.table import attribute_table
from task_management.exceptions import TaskConflict, TaskIsFinal
from task_management.models import Task
from task_management.services import (
    cancel_task,
    comment_on_task,
    complete_task,
    create_task,
    hide_tasks,
    set_checklist_item,
    update_task,
)
from vehicle_management.models import Vehicle


class OfTask(Page):
    section = "tasks"

    def task(self, pk: int) -> Task:
        return get_object_or_404(tasks_seen_by(self.me).select_related("closed_by"), pk=pk)

    def back(self, told: str = "", pk: int = 0) -> HttpResponse:
        return self.go(reverse("task", args=[pk or self.kwargs["pk"]]), told)


class TaskPage(OfTask):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.page(self.task(pk), CommentForm(me=self.me))

    def page(self, task: Task, form: CommentForm, status: int = 200) -> HttpResponse:
        table = attribute_table()
        rules = task.rules.visible_to(self.me).order_by("name")
        context = {
            "task": task,
            "firing": firing_of_task(task, self.me),
            "cause": task.told_cause() or {},
            "comments": task.comments.select_related("by"),
            "rules": [(rule, sentence_of(rule.pattern, table)) for rule in rules],
            "form": form,
        }
        return self.show("tasks/page.html", context, status=status)


class CommentTask(TaskPage):
    written_by = ANYONE
    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self.task(pk)
        form = CommentForm(request.POST, me=self.me)
        if not form.is_valid():
            return self.page(task, form, 422)
        comment_on_task(task, form.cleaned_data["text"], by=self.me)
        return self.back()


class CompleteTask(OfTask):
    written_by = ANYONE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            complete_task(self.task(pk), by=self.me)
        except TaskIsFinal as error:
            return self.refuse(reverse("task", args=[pk]), error)
        return self.back(_("The task is complete."))


class CancelTask(OfTask):
    written_by = ANYONE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            cancel_task(self.task(pk), by=self.me)
        except TaskIsFinal as error:
            return self.refuse(reverse("task", args=[pk]), error)
        return self.back(_("The task was canceled."))


class TickItem(OfTask):
    """An item of the checklist; the button says which, and what it is to become."""

    written_by = ANYONE

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        number, done = request.POST.get("index", ""), request.POST.get("done") == "1"
        index = int(number) if number.isdecimal() and len(number) < 4 else -1
        try:
            set_checklist_item(self.task(pk), index=index, done=done)
        except (TaskIsFinal, ValidationError) as error:
            return self.refuse(reverse("task", args=[pk]), error)
        return self.go(f"{reverse('task', args=[pk])}#checklist")


class DeleteTask(OfTask):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self.task(pk)
        hide_tasks([task.pk], by=self.me)
        told = _("“%(title)s” was deleted; an administrator can restore it.")
        return self.go(reverse("tasks"), told % {"title": task.title})


class EditTask(OfTask):
    """A task that is there (``pk``), or a new one."""

    read_by = WRITERS

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        task = self.task(pk) if pk is not None else None
        return self._form(task, TaskForm(me=self.me, task=task, initial=self._named()))

    def _named(self) -> dict[str, Any]:
        """What the page that led here was about."""
        vehicle = Vehicle.objects.visible_to(self.me).filter(vehicle_id=self.request.GET.get("vehicle", ""))
        number = self.request.GET.get("customer", "")
        customer = None
        if number.isdecimal() and len(number) < 19:
            customer = Customer.objects.visible_to(self.me).filter(pk=int(number)).first()
        found = vehicle.select_related("customer").first()
        customer = customer or (found.customer if found else None)
        return {"vehicle": found, "customer": customer_text(customer) if customer else ""}

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        task = self.task(pk) if pk is not None else None
        form = TaskForm(request.POST, me=self.me, task=task)
        if form.is_valid():
            try:
                saved = self._save(task, form)
            except ValidationError as error:
                form.take(error)
            except TaskConflict as error:
                form.add_error("external_id", str(error))
            except RuleIsNotYours as error:
                form.add_error("rules", str(error))
            else:
                return self.back(_("The task was saved."), saved.pk)
        return self._form(task, form, 422)

    def _save(self, task: Task | None, form: TaskForm) -> Task:
        with transaction.atomic():
            if task is None:
                saved = create_task(form.values(), by=self.me)
            else:
                saved = update_task(task, form.values(), by=self.me)
            chosen: list[Rule] = list(form.cleaned_data["rules"])
            unseen = saved.rules.exclude(pk__in=Rule.objects.visible_to(self.me).values("pk"))
            attach_rules_to_task(saved, [*chosen, *unseen], by=self.me)
        return saved

    def _form(self, task: Task | None, form: TaskForm, status: int = 200) -> HttpResponse:
        return self.show("tasks/form.html", {"task": task, "form": form}, status=status)
