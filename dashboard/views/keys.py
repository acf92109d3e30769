"""Keys of servers and devices, for administrators. A key's secret is shown once, on the answer that makes it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import services
from accounts.actors import sender_of
from accounts.models import ApiKey
from dashboard.forms.people import KeyForm
from dashboard.views.access import administrators
from dashboard.views.people import show_form
from dashboard.views.tables import Table, TableColumn

COLUMNS = (
    TableColumn("name", gettext_lazy("Key"), lambda key: key.name, "name"),
    TableColumn("prefix", gettext_lazy("Begins with"), lambda key: key.prefix),
    TableColumn("scopes", gettext_lazy("May"), lambda key: ", ".join(key.scopes)),
    TableColumn("fleets", gettext_lazy("For"), lambda key: ", ".join(what_for(key))),
    TableColumn("expires_at", gettext_lazy("Expires"), lambda key: key.expires_at, "expires_at"),
    TableColumn("created_at", gettext_lazy("Made"), lambda key: key.created_at, "created_at"),
)


def what_for(key: ApiKey) -> list[str]:
    """Its fleets, or the one vehicle; uses what was prefetched."""
    fleets = sorted(fleet.fleet_id for fleet in key.fleets.all() if fleet.deleted_at is None)
    return [f"{_('vehicle')} {key.vehicle_id}", *fleets] if key.vehicle_id else fleets


@administrators
def key_list(request: HttpRequest) -> HttpResponseBase:
    keys = ApiKey.objects.visible_to(sender_of(request)).filter(revoked_at__isnull=True)
    rows = keys.select_related("created_by").prefetch_related("fleets")
    table = Table(request, rows, COLUMNS, searched=("name", "vehicle_id", "prefix"), default_sort="name")
    now = timezone.now()
    for key in table.page:
        key.told_for, key.has_expired = what_for(key), bool(key.expires_at and key.expires_at <= now)
    return render(request, "pages/people/keys.html", {"table": table, "filters": request.GET})


@administrators
@never_cache
def key_new(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = KeyForm(request.POST or None, me=user)
    if request.method == "POST" and form.is_valid():
        key, secret = services.create_key(form.values(), fleets=form.cleaned_data["fleets"], by=user)
        return render(request, "pages/people/key_made.html", {"key": key, "secret": secret})
    told = _("A program or device sends it as “Authorization: Api-Key …”.")
    return show_form(request, form, heading=_("New key"), back="/keys", help_text=told)


@administrators
@require_POST
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    key: ApiKey | None = ApiKey.objects.visible_to(sender_of(request)).filter(pk=pk).first()
    if key is None:
        raise Http404(_("Key %(id)d not found") % {"id": pk})
    services.revoke_key(key)
    messages.success(
        request, _("“%(name)s” is revoked: nothing gets in with it any more.") % {"name": key.name}
    )
    return redirect("/keys")
