from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Fleet
from customer_management.models import Customer
from vehicle_management import services
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.models import Vehicle

FIELDS = (
    "vehicle_id", "fleet", "customer", "vin", "plate", "make", "model", "model_year", "vehicle_type", "fuel_type",
    "color", "in_service_date", "notes", "attributes",
)  # fmt: skip
MOST_CUSTOMERS = 500


def styled(form: forms.BaseForm) -> None:
    """Tabler's classes on every field."""
    for field in form.fields.values():
        is_select = isinstance(field.widget, forms.Select | forms.SelectMultiple)
        is_tick = isinstance(field.widget, forms.CheckboxInput)
        field.widget.attrs["class"] = (
            "form-check-input" if is_tick else "form-select" if is_select else "form-control"
        )


class VehicleForm(forms.ModelForm):
    class Meta:
        model = Vehicle
        fields = FIELDS
        widgets = {"in_service_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {"attributes": gettext_lazy("A JSON object of whatever else is known of the vehicle.")}

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["fleet"].queryset = Fleet.objects.visible_to(user)
        fields["fleet"].required = not user.is_administrator
        customers = Customer.objects.visible_to(user)
        held = [self.instance.customer_id] if self.instance.customer_id else []
        listed = list(customers.values_list("pk", flat=True)[:MOST_CUSTOMERS])
        fields["customer"].queryset = customers.filter(pk__in=[*listed, *held])
        if self.instance.pk:
            del self.fields["vehicle_id"]
        styled(self)

    def _post_clean(self) -> None:
        """The service checks and stores; the instance stays as it is."""

    def clean_attributes(self) -> Any:
        attributes = self.cleaned_data["attributes"] or {}
        if not isinstance(attributes, dict):
            raise forms.ValidationError(_("Attributes are a JSON object."))
        return attributes

    def store(self, *, by: Any) -> Vehicle:
        """Raises ValidationError and VehicleConflict."""
        if self.instance.pk:
            return services.update_vehicle(self.instance, self.cleaned_data, by=by)
        return services.create_vehicles([self.cleaned_data], by=by)[0]


class StatusForm(forms.Form):
    """The well-known attributes, and one more by name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, attribute in STATUS_ATTRIBUTES.items():
            label = f"{attribute.label} ({attribute.unit})" if attribute.unit else str(attribute.label)
            if attribute.kind == "number":
                self.fields[name] = forms.FloatField(
                    label=label, required=False, min_value=attribute.least, max_value=attribute.most
                )
            else:
                choices = [("", "–"), *((choice, choice) for choice in attribute.choices)]
                self.fields[name] = forms.ChoiceField(label=label, required=False, choices=choices)
        self.fields["other_name"] = forms.CharField(
            label=_("Another attribute"), required=False, max_length=100
        )
        self.fields["other_value"] = forms.CharField(label=_("Its value"), required=False, max_length=1_000)
        styled(self)

    def told(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in STATUS_ATTRIBUTES}
        if self.cleaned_data.get("other_name"):
            values[self.cleaned_data["other_name"]] = self.cleaned_data["other_value"]
        return {name: value for name, value in values.items() if value not in (None, "")}
