from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customer_management.models import Customer
from dashboard.forms.base import StyledForm


class CustomerForm(StyledForm):
    name = forms.CharField(max_length=200, label=_("name"))
    external_id = forms.CharField(
        max_length=64, required=False, label=_("external id"), help_text=_("Another system's own id.")
    )
    email = forms.EmailField(max_length=254, required=False, label=_("e-mail"))
    phone = forms.CharField(max_length=64, required=False, label=_("phone"))
    address = forms.CharField(
        max_length=10_000, required=False, label=_("address"), widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, customer: Customer | None = None, **kwargs: Any) -> None:
        if customer is not None:
            kwargs["initial"] = {name: getattr(customer, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
