import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rules import services
from rules.activity import with_activity
from rules.checks import LIMITS, NAMED
from rules.exceptions import ActionIsNotWaiting
from rules.models import Firing, FiringAction, LogEntry, Rule, RuleVersion
from rules.outbox import retry_action
from rules.scope import why_idle
from rules.table import attribute_table
from rules.versions import PLAIN


class ReadableJSON(json.JSONEncoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2, "ensure_ascii": False})


class RuleForm(forms.ModelForm):
    """Checked and saved by the services; what is wrong is told at its field."""

    request: HttpRequest

    class Meta:
        model = Rule
        fields = (
            "name",
            "description",
            "enabled",
            "skip_current",
            "pattern",
            "clear",
            "actions",
            *LIMITS,
            "everything",
            *NAMED,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("pattern", "clear", "actions"):
            self.fields[name].encoder = ReadableJSON  # type: ignore[attr-defined]
            self.fields[name].widget.attrs.update(rows=10, cols=90)
        self.fields["actions"].empty_value = []  # type: ignore[attr-defined]
        for name in LIMITS:
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                services.check_rule(self.values(), by=self.request.user, rule=self._stored())  # type: ignore[arg-type]
            except ValidationError as error:
                for path, texts in error.message_dict.items():
                    field = path.removeprefix("scope.").partition(".")[0].partition("[")[0]
                    self.add_error(
                        field if field in self.fields else None, [f"{path}: {text}" for text in texts]
                    )
        return cleaned

    def values(self) -> dict[str, Any]:
        """As the API's body has them."""
        cleaned = self.cleaned_data
        keys = {name: "pk" if key == "pk" else key for name, (_model, key) in NAMED.items()}
        named = {name: [getattr(row, key) for row in cleaned[name]] for name, key in keys.items()}
        plain = {name: cleaned[name] for name in (*PLAIN, "pattern")}
        scope = {"everything": cleaned["everything"], **named}
        limits = {name: _or_none(name, cleaned[name]) for name in LIMITS}
        return {**plain, **limits, "actions": cleaned["actions"] or [], "scope": scope}

    def _stored(self) -> Rule | None:
        return Rule.all_objects.get(pk=self.instance.pk) if self.instance.pk else None


def _or_none(name: str, value: int | None) -> int | None:
    """What is left empty means none."""
    return 0 if value is None and not LIMITS[name].is_optional else value


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin):
    """Hidden rules too; an administrator restores or purges them."""

    form = RuleForm
    list_display = ("name", "sentence", "enabled", "last_fired", "failing", "version", "deleted_at")
    list_filter = (
        "enabled",
        ("deleted_at", admin.EmptyFieldListFilter),
        "everything",
        "skip_current",
        "fleets",
    )
    list_per_page = 50
    search_fields = ("name", "description")
    date_hierarchy = "created_at"
    autocomplete_fields = ("fleets", "customers", "vehicles", "tasks")
    readonly_fields = (
        "sentence",
        "idle",
        "version",
        "shipped_as",
        "created_by",
        "created_by_key",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled", "sentence", "idle")}),
        (_("When"), {"fields": ("pattern", "clear", "skip_current", "lateness_s", "repeat_s")}),
        (_("How often"), {"fields": ("cooldown_s", "cooldown_rule_s", "per_day", "per_day_rule")}),
        (_("What it watches"), {"fields": ("everything", *NAMED)}),
        (_("What it does"), {"fields": ("actions",)}),
        (
            _("Its history"),
            {
                "fields": (
                    "version",
                    "shipped_as",
                    "created_by",
                    "created_by_key",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )
    actions = ("enable", "disable", "duplicate", "restore", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        self._attributes = attribute_table()
        return with_activity(Rule.all_objects.select_related("created_by", "created_by_key"), request.user)  # type: ignore[arg-type]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type("RuleFormOf", (form,), {"request": request})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        values, by = form.values(), request.user
        saved = (
            services.update_rule(obj, values, by=by)  # type: ignore[arg-type]
            if change
            else services.create_rule(values, by=by)  # type: ignore[arg-type]
        )
        obj.__dict__.update(
            {name: value for name, value in saved.__dict__.items() if name != "_prefetched_objects_cache"}
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has written the scope."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Rules are hidden, so nothing else goes with them."""
        return [str(rule) for rule in objs], {str(_("rules")): len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        services.hide_rule(obj, by=request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        for rule in queryset:
            services.hide_rule(rule, by=request.user)  # type: ignore[arg-type]

    @admin.display(description=_("when"))
    def sentence(self, rule: Rule) -> str:
        return services.sentence_of(rule.pattern, self._attributes) if rule.pk else "-"

    @admin.display(description=_("watches nothing?"))
    def idle(self, rule: Rule) -> str:
        return (why_idle(rule) if rule.pk else None) or "-"

    @admin.display(description=_("last fired"), ordering="last_fired_at")
    def last_fired(self, rule: Any) -> Any:
        return rule.last_fired_at

    @admin.display(description=_("failing actions"), ordering="failing_actions")
    def failing(self, rule: Any) -> Any:
        if not rule.failing_actions:
            return 0
        address = reverse("admin:rules_firingaction_changelist")
        return format_html(
            '<a href="{}?firing__rule__id__exact={}">{}</a>', address, rule.pk, rule.failing_actions
        )

    @admin.action(description=_("Enable: begin anew"))
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._tell(request, services.enable_rules(queryset, by=request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Disable"))
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._tell(request, services.disable_rules(queryset, by=request.user))  # type: ignore[arg-type]

    @admin.action(description=_("Duplicate"))
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        for rule in queryset:
            services.duplicate_rule(rule, by=request.user)  # type: ignore[arg-type]
        self._tell(request, len(queryset))

    @admin.action(description=_("Restore deleted rules"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        for rule in queryset.filter(deleted_at__isnull=False):
            services.restore_rule(rule, by=request.user)  # type: ignore[arg-type]
        self._tell(request, len(queryset))

    @admin.action(description=_("Purge deleted rules for good"))
    def purge(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        for rule in queryset:
            try:
                services.purge_rule(rule, by=request.user)  # type: ignore[arg-type]
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))

    def _tell(self, request: HttpRequest, count: int) -> None:
        told = ngettext("%(n)d rule was changed.", "%(n)d rules were changed.", count)
        self.message_user(request, told % {"n": count})


class ReadOnly(admin.ModelAdmin):
    """What happened is not edited."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnly):
    list_display = ("rule", "number", "told_changes", "who", "at")
    list_display_links = ("rule", "number")
    list_filter = ("at", ("rule", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("rule", "cause")
    search_fields = ("rule__name",)
    date_hierarchy = "at"
    fields = ("rule", "number", "at", "who", "told_changes", "definition")
    readonly_fields = ("who", "told_changes")

    @admin.display(description=_("changed"))
    def told_changes(self, version: RuleVersion) -> str:
        return ", ".join(version.changed) or "-"

    @admin.display(description=_("by"))
    def who(self, version: RuleVersion) -> str:
        data = version.cause.data
        return str(data.get("email") or data.get("name") or data.get("kind"))


@admin.register(Firing)
class FiringAdmin(ReadOnly):
    list_display = ("id", "rule", "vehicle", "kind", "occurred_at", "fired_at", "explanation", "done")
    list_filter = ("fired_at", "kind", ("rule", admin.RelatedOnlyFieldListFilter), "actions__status")
    list_select_related = ("rule", "vehicle")
    search_fields = ("vehicle__vehicle_id", "rule__name", "explanation")
    date_hierarchy = "fired_at"
    fields = (
        "rule",
        "rule_version",
        "vehicle",
        "kind",
        "occurred_at",
        "cleared_at",
        "fired_at",
        "explanation",
        "cause",
        "parent",
        "hops",
        "told_actions",
    )
    readonly_fields = ("told_actions",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Firing]:
        return super().get_queryset(request).prefetch_related("actions")

    @admin.display(description=_("actions"))
    def done(self, firing: Firing) -> str:
        return ", ".join(f"{action.type}: {action.get_status_display()}" for action in firing.actions.all())

    @admin.display(description=_("actions"))
    def told_actions(self, firing: Firing) -> str:
        rows = (
            (action.type, action.get_status_display(), action.attempts, action.result)
            for action in firing.actions.all()
        )
        return format_html_join("", "<p>{}: {} ({}) {}</p>", rows)


@admin.register(FiringAction)
class FiringActionAdmin(ReadOnly):
    list_display = ("id", "type", "status", "attempts", "rule", "vehicle", "next_at", "done_at", "result")
    list_filter = ("status", "type", ("firing__rule", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("firing__rule", "firing__vehicle")
    search_fields = ("firing__vehicle__vehicle_id", "result")
    date_hierarchy = "next_at"
    fields = (
        "firing",
        "index",
        "type",
        "params",
        "status",
        "attempts",
        "next_at",
        "done_at",
        "result",
        "task",
        "alert",
        "told_tries",
    )
    readonly_fields = ("told_tries",)
    actions = ("retry",)

    @admin.display(description=_("attempts"))
    def told_tries(self, action: FiringAction) -> str:
        rows = (
            (one.number, one.at.isoformat(timespec="seconds"), one.took_ms, one.status, one.answer)
            for one in action.tries.all()
        )
        return format_html_join("", "<p>{}. {} ({} ms) {}: {}</p>", rows) or "-"

    @admin.display(ordering="firing__rule__name")
    def rule(self, action: FiringAction) -> str:
        return action.firing.rule.name

    @admin.display(ordering="firing__vehicle__vehicle_id")
    def vehicle(self, action: FiringAction) -> str:
        return action.firing.vehicle.vehicle_id

    @admin.action(description=_("Run again"))
    def retry(self, request: HttpRequest, queryset: QuerySet[FiringAction]) -> HttpResponseRedirect | None:
        for action in queryset:
            try:
                retry_action(action, by=request.user)  # type: ignore[arg-type]
            except ActionIsNotWaiting as refusal:
                messages.error(request, f"{action}: {refusal}")
        return None


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly):
    list_display = ("id", "created_at", "level", "vehicle", "rule", "message")
    list_filter = ("level", "created_at", ("action__firing__rule", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("vehicle", "action__firing__rule")
    search_fields = ("message", "vehicle__vehicle_id")
    date_hierarchy = "created_at"
    fields = ("created_at", "level", "message", "vehicle", "rule")

    @admin.display(ordering="action__firing__rule__name")
    def rule(self, entry: LogEntry) -> str:
        return entry.action.firing.rule.name
