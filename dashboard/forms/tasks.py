from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dashboard.forms.base import MOMENT_HELP, CustomerField, PersonField, StyledForm, VehicleField, introduce
from rules.models import Rule
from task_management.models import Task

MOMENT = "%Y-%m-%dT%H:%M"


class RuleChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class TaskForm(StyledForm):
    title = forms.CharField(max_length=200, label=_("title"))
    vehicle = VehicleField(required=False, label=_("vehicle"))
    customer = CustomerField(required=False, label=_("customer"))
    assignee = PersonField(required=False, label=_("assignee"), help_text=_("by e-mail"))
    due_at = forms.DateTimeField(
        required=False,
        label=_("due"),
        input_formats=[MOMENT, "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT),
        help_text=MOMENT_HELP,
    )
    external_id = forms.CharField(
        max_length=64, required=False, label=_("external id"), help_text=_("Another system's own id.")
    )
    description = forms.CharField(
        max_length=10_000, required=False, label=_("description"), widget=forms.Textarea(attrs={"rows": 5})
    )
    checklist = forms.CharField(
        required=False,
        label=_("checklist"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One item a line."),
    )
    rules = RuleChoice(
        queryset=None,
        required=False,
        label=_("rules"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("These watch the task's vehicle while the task is open."),
    )

    def __init__(self, *args: Any, task: Task | None = None, **kwargs: Any) -> None:
        if task is not None:
            names = [name for name in self.base_fields if name != "rules"]
            kwargs["initial"] = {name: getattr(task, name) for name in names}
            kwargs["initial"]["checklist"] = "\n".join(item["text"] for item in task.checklist)
            kwargs["initial"]["rules"] = list(task.rules.values_list("pk", flat=True))
        self.task = task
        super().__init__(*args, **kwargs)
        self.fields["rules"].queryset = Rule.objects.visible_to(self.me)  # type: ignore[attr-defined]
        introduce(self)

    def clean_checklist(self) -> list[dict[str, Any]]:
        """What was done stays done where its text stays."""
        lines = [line.strip() for line in self.cleaned_data["checklist"].splitlines() if line.strip()]
        done = {item["text"] for item in (self.task.checklist if self.task else ()) if item["done"]}
        return [{"text": line, "done": line in done} for line in lines]

    def values(self) -> dict[str, Any]:
        values = {name: value for name, value in self.cleaned_data.items() if name != "rules"}
        return {**values, "external_id": values["external_id"] or None}


class CommentForm(StyledForm):
    text = forms.CharField(max_length=10_000, label=_("Comment"), widget=forms.Textarea(attrs={"rows": 2}))
