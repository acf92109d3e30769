from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import fleets, services
from accounts.exceptions import FleetConflict, FleetInUse, LastAdministrator
from accounts.models import ApiKey, Cause, Fleet, Membership, User

admin.site.site_header = _("Fleet Manager")
admin.site.site_title = _("Fleet Manager")
admin.site.unregister(Group)


class Refusing:
    """Tells an expected refusal of a service on the page instead of failing."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (LastAdministrator, FleetConflict, FleetInUse)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._told(request, super().changeform_view, *args, **kwargs)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._told(request, super().delete_view, *args, **kwargs)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._told(request, super().changelist_view, *args, **kwargs)  # type: ignore[misc]

    def _told(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except self.refusals as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())


class NewPersonForm(forms.ModelForm):
    password = forms.CharField(
        label=_("password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Without one the person cannot log in until you set it."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "role", "time_zone", "units")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_password(self) -> str | None:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, self.instance)
        return password or None


class PersonForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("email", "name", "role", "time_zone", "units", "is_active")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PersonPasswordForm(AdminPasswordChangeForm):
    """Sets the password as the API does: every token and session of the person ends."""

    def save(self, commit: bool = True) -> Any:
        return services.change_password(self.user, password=self.cleaned_data["password1"])


class MembershipsOfPerson(admin.TabularInline):
    model = Membership
    autocomplete_fields = ("fleet",)
    extra = 0
    verbose_name = _("fleet")
    verbose_name_plural = _("fleets that the person sees")


@admin.register(User)
class PersonAdmin(Refusing, auth_admin.UserAdmin):
    form = PersonForm
    add_form = NewPersonForm
    change_password_form = PersonPasswordForm
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active", "fleets")
    list_per_page = 50
    search_fields = ("email", "name")
    ordering = ("email",)
    date_hierarchy = "created_at"
    filter_horizontal = ()
    readonly_fields = ("last_login", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "role", "is_active")}),
        (_("Preferences"), {"fields": ("time_zone", "units")}),
        (_("Times"), {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "role", "password", "time_zone", "units")}),)
    inlines = (MembershipsOfPerson,)
    actions = ("deactivate", "reactivate")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        values = {name: value for name, value in form.cleaned_data.items() if name != "id"}
        if change:
            obj.__dict__.update(services.update_person(obj, values).__dict__)
        else:
            obj.__dict__.update(services.create_person(values).__dict__)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_person(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            services.delete_person(user)

    @admin.action(description=_("Deactivate: end all logins and allow no other"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, False)

    @admin.action(description=_("Reactivate"))
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, True)

    def _set_active(self, request: HttpRequest, queryset: QuerySet[User], is_active: bool) -> None:
        for user in queryset.exclude(is_active=is_active):
            services.update_person(user, {"is_active": is_active})


@admin.register(Fleet)
class FleetAdmin(Refusing, admin.ModelAdmin):
    """Hidden fleets too; an administrator restores or purges them."""

    list_display = ("fleet_id", "fleet_name", "time_zone", "date_order", "people_count", "deleted_at")
    list_filter = (("deleted_at", admin.EmptyFieldListFilter), "date_order", "time_zone")
    search_fields = ("fleet_id", "fleet_name", "description")
    date_hierarchy = "created_at"
    readonly_fields = ("created_at", "updated_at", "deleted_at")
    fields = ("fleet_id", "fleet_name", "description", "time_zone", "date_order", *readonly_fields)
    actions = ("restore", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fleet]:
        return Fleet.all_objects.annotate(people_counted=Count("people"))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(deleted_at__isnull=True)
        return super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Fleet | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "fleet_id") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Fleet | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting hides: nothing goes with it."""
        return [str(fleet) for fleet in objs], {}, set(), []

    @admin.display(description=_("people"), ordering="people_counted")
    def people_count(self, fleet: Fleet) -> int:
        return fleet.people_counted  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Fleet) -> None:
        fleets.hide_fleet(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Fleet]) -> None:
        for fleet in queryset.filter(deleted_at__isnull=True):
            fleets.hide_fleet(fleet)

    @admin.action(description=_("Restore hidden fleets"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Fleet]) -> None:
        self._do(request, queryset.filter(deleted_at__isnull=False), fleets.restore_fleet)

    @admin.action(description=_("Purge hidden fleets for good"))
    def purge(self, request: HttpRequest, queryset: QuerySet[Fleet]) -> None:
        self._do(request, queryset.filter(deleted_at__isnull=False), fleets.purge_fleet)

    def _do(self, request: HttpRequest, queryset: QuerySet[Fleet], service: Any) -> None:
        done = 0
        for fleet in queryset:
            try:
                service(fleet)
                done += 1
            except (FleetConflict, FleetInUse) as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
        if done:
            told = ngettext("%(count)d fleet done.", "%(count)d fleets done.", done) % {"count": done}
            self.message_user(request, told, messages.SUCCESS)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "fleet", "created_at")
    list_filter = ("fleet",)
    list_select_related = ("user", "fleet")
    search_fields = ("user__email", "fleet__fleet_id")
    autocomplete_fields = ("user", "fleet")
    date_hierarchy = "created_at"


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("name", "fleets", "vehicle_id", "scopes", "expires_at")

    def clean_vehicle_id(self) -> str | None:
        return self.cleaned_data["vehicle_id"] or None

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not values.get("fleets") and not values.get("vehicle_id"):
            raise ValidationError(
                _("A key needs a fleet or a vehicle that it speaks for; it would see nothing.")
            )
        return values


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """The secret is shown once, after saving a new key. Deleting revokes."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "scopes", "vehicle_id", "expires_at", "revoked_at", "created_by")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "fleets")
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix", "vehicle_id")
    autocomplete_fields = ("fleets",)
    date_hierarchy = "created_at"
    readonly_fields = ("prefix", "created_by", "created_at", "revoked_at")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return (*ApiKeyForm.Meta.fields, *(self.readonly_fields if obj else ()))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        values = dict(form.cleaned_data)
        named = values.pop("fleets")
        if change:
            services.update_key(obj, values, fleets=named)
            return
        key, secret = services.create_key(values, fleets=named, by=request.user.user)  # type: ignore[union-attr]
        obj.__dict__.update(key.__dict__)
        told = _("The key is %(secret)s. Copy it now: it is shown this once.") % {"secret": secret}
        self.message_user(request, told, messages.WARNING)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    @admin.action(description=_("Revoke: dead at once, everywhere"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.filter(revoked_at__isnull=True):
            services.revoke_key(key)


@admin.register(Cause)
class CauseAdmin(admin.ModelAdmin):
    """Who or what made changes: read alone."""

    list_display = ("id", "data")
    search_fields = ("data",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Cause | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Cause | None = None) -> bool:
        return False
