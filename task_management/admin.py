from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from task_management import services
from task_management.models import Task, TaskComment

SAVED = ("external_id", "title", "description", "vehicle", "customer", "assignee", "due_at")


class CommentInline(admin.TabularInline):
    model = TaskComment
    fields = readonly_fields = ("created_at", "by", "text")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    list_display = ("id", "title", "status", "vehicle", "customer", "assignee", "due_at", "created_at")
    list_display_links = ("id", "title")
    list_filter = ("status", "due_at", "assignee")
    list_select_related = ("vehicle", "customer", "assignee")
    search_fields = ("title", "external_id", "vehicle__vehicle_id", "customer__name")
    autocomplete_fields = ("vehicle", "customer", "assignee")
    date_hierarchy = "created_at"
    fields = SAVED
    inlines = (CommentInline,)
    actions = ("complete", "cancel", "hide", "restore")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return Task.all_objects.all() if "hidden" in request.GET else super().get_queryset(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hiding is an action; it can be undone."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        by: Any = request.user
        values = {name: form.cleaned_data[name] for name in SAVED}
        if change:
            services.update_task(obj, values, by=by)
        else:
            obj.pk = services.create_task(values, by=by).pk

    @admin.action(description=gettext_lazy("Complete"))
    def complete(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._close(request, queryset, Task.Status.COMPLETE)

    @admin.action(description=gettext_lazy("Cancel"))
    def cancel(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._close(request, queryset, Task.Status.CANCELED)

    def _close(self, request: HttpRequest, queryset: models.QuerySet, status: str) -> None:
        by: Any = request.user
        count = services.close_tasks(queryset.values_list("pk", flat=True), status, by=by)
        self.message_user(
            request, _("%(n)d tasks changed; those that were final stay as they are.") % {"n": count}
        )

    @admin.action(description=gettext_lazy("Delete (can be restored)"))
    def hide(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        by: Any = request.user
        services.hide_tasks(queryset.values_list("pk", flat=True), by=by)

    @admin.action(description=gettext_lazy("Restore"))
    def restore(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        by: Any = request.user
        for task in queryset.filter(deleted_at__isnull=False):
            services.restore_task(task, by=by)
