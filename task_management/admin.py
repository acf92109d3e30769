from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin import Refusing
from accounts.models import Cause, User
from task_management import services
from task_management.checks import check_assignee
from task_management.exceptions import TaskConflict, TaskIsFinal
from task_management.models import Task, TaskComment

SAVED = ("external_id", "title", "description", "vehicle", "customer", "assignee", "due_at")
TOLD = ("vehicle", "customer", "assignee", "cause", "closed_by")
WHO_MAY_SEE_IT = {"vehicle", "customer", "assignee"}


class TaskForm(forms.ModelForm):
    class Meta:
        model = Task
        fields = SAVED

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A vehicle or customer that was deleted meanwhile stays a choice, or saving would take it away.
        for name in {"vehicle", "customer"} & self.fields.keys():
            field: Any = self.fields[name]
            stored = Q(deleted_at__isnull=True) | Q(pk=getattr(self.instance, f"{name}_id"))
            field.queryset = field.queryset.model.all_objects.filter(stored)

    def clean_external_id(self) -> str | None:
        external_id = (self.cleaned_data["external_id"] or "").strip() or None
        others = Task.objects.exclude(pk=self.instance.pk)
        if external_id and others.filter(external_id=external_id).exists():
            message = _("The external id “%(id)s” is taken by another task; choose another one.")
            raise ValidationError(message % {"id": external_id})
        return external_id

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and WHO_MAY_SEE_IT & set(self.changed_data):
            try:
                check_assignee(Task(**{name: cleaned[name] for name in SAVED}))
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned


class AssignForm(forms.Form):
    """Whom the ticked tasks are given; nobody takes them away."""

    assignee = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True),
        required=False,
        label=_("assignee"),
        widget=AutocompleteSelect(Task._meta.get_field("assignee"), admin.site),
    )


class OverdueFilter(admin.SimpleListFilter):
    title = _("overdue")
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("open and past its time"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.overdue() if self.value() == "yes" else queryset


class CommentInline(admin.TabularInline):
    """What was said stays said."""

    model = TaskComment
    fields = readonly_fields = ("created_at", "who", "text")
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskComment]:
        return super().get_queryset(request).select_related("by")

    @admin.display(description=_("by"))
    def who(self, comment: TaskComment) -> str:
        return told(comment.by)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(Refusing, admin.ModelAdmin):
    """Hidden tasks too; an administrator restores or purges them. The actions move a task's status."""

    refusals = (TaskConflict, TaskIsFinal)
    form = TaskForm
    list_display = (
        "id",
        "title",
        "status",
        "vehicle",
        "customer",
        "assignee",
        "due_at",
        "comment_count",
        "created_at",
        "deleted_at",
    )
    list_display_links = ("id", "title")
    list_filter = (
        "status",
        OverdueFilter,
        ("deleted_at", admin.EmptyFieldListFilter),
        "due_at",
        ("assignee", admin.RelatedOnlyFieldListFilter),
        "vehicle__fleet",
    )
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("title", "external_id", "description", "vehicle__vehicle_id", "customer__name")
    autocomplete_fields = ("vehicle", "customer", "assignee")
    date_hierarchy = "created_at"
    readonly_fields = (
        "status",
        "completed_at",
        "canceled_at",
        "closed_by_whom",
        "made_by",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    fields = (*SAVED, *readonly_fields)
    inlines = (CommentInline,)
    actions = ("complete", "cancel", "assign", "restore", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        comments = TaskComment.objects.filter(task=OuterRef("pk")).order_by().values("task")
        count = comments.annotate(count=Count("pk")).values("count")
        found: QuerySet[Task] = Task.all_objects.select_related(*TOLD)
        return found.annotate(comments_counted=Subquery(count))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(deleted_at__isnull=True)
        return super().get_search_results(request, queryset, search_term)

    def has_change_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting hides: nothing goes with it."""
        return [str(task) for task in objs], {str(_("tasks")): len(objs)}, set(), []

    @admin.display(description=_("comments"), ordering="comments_counted")
    def comment_count(self, task: Any) -> int:
        return task.comments_counted or 0

    @admin.display(description=_("made by"))
    def made_by(self, task: Task) -> str:
        return told(task.cause, task.cause_row)

    @admin.display(description=_("closed by"))
    def closed_by_whom(self, task: Task) -> str:
        return told(task.closed_by)

    def save_model(self, request: HttpRequest, obj: Task, form: Any, change: bool) -> None:
        by: Any = request.user
        values = {name: form.cleaned_data[name] for name in SAVED}
        saved = services.update_task(obj, values, by=by) if change else services.create_task(values, by=by)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Task) -> None:
        self.delete_queryset(request, Task.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        by: Any = request.user
        services.hide_tasks(queryset.values_list("pk", flat=True), by=by)

    @admin.action(description=_("Complete open tasks"))
    def complete(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._close(request, queryset, Task.Status.COMPLETE)

    @admin.action(description=_("Cancel open tasks"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        self._close(request, queryset, Task.Status.CANCELED)

    @admin.action(description=_("Assign to a person"))
    def assign(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse | None:
        """Ask whom on a page of its own, then give them the ticked tasks."""
        form = AssignForm(request.POST if "apply" in request.POST else None)
        if not (form.is_bound and form.is_valid()):
            return self._ask(request, queryset, form)
        by: Any = request.user
        pks = list(queryset.values_list("pk", flat=True))
        try:
            self._tell(request, services.assign_tasks(pks, form.cleaned_data["assignee"], by=by))
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        return None

    @admin.action(description=_("Restore deleted tasks"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        by: Any = request.user
        done = 0
        for task in queryset.filter(deleted_at__isnull=False):
            try:
                services.restore_task(task, by=by)
                done += 1
            except TaskConflict as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
        self._tell(request, done)

    @admin.action(description=_("Purge deleted tasks for good"))
    def purge(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        hidden = list(queryset.filter(deleted_at__isnull=False))
        for task in hidden:
            services.purge_task(task)
        self._tell(request, len(hidden))

    def _close(self, request: HttpRequest, queryset: QuerySet[Task], status: str) -> None:
        by: Any = request.user
        self._tell(request, services.close_tasks(queryset.values_list("pk", flat=True), status, by=by))

    def _ask(self, request: HttpRequest, queryset: QuerySet[Task], form: AssignForm) -> HttpResponse:
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Assign %(n)d task", "Assign %(n)d tasks", count) % {"n": count},
            "form": form,
            "action": "assign",
            "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.model._meta,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/vehicle_management/attach.html", context)

    def _tell(self, request: HttpRequest, count: int) -> None:
        """Those that were final or are so already stay as they are, and are not counted."""
        message = ngettext("%(n)d task changed.", "%(n)d tasks changed.", count)
        self.message_user(request, message % {"n": count}, messages.SUCCESS if count else messages.WARNING)


def told(cause: Cause | None, row: int | None = None) -> str:
    if cause is None:
        return "-"
    return ", ".join(f"{name}: {value}" for name, value in cause.told(row).items())
