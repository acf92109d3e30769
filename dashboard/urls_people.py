from django.urls import path

from dashboard.views import fleets, keys, people

urlpatterns = [
    path("people", people.person_list, name="person-list"),
    path("people/new", people.person_new, name="person-new"),
    path("people/<int:pk>", people.person_edit, name="person-edit"),
    path("people/<int:pk>/delete", people.person_delete, name="person-delete"),
    path("fleets", fleets.fleet_list, name="fleet-list"),
    path("fleets/new", fleets.fleet_new, name="fleet-new"),
    path("fleets/<int:pk>", fleets.fleet_edit, name="fleet-edit"),
    path("fleets/<int:pk>/delete", fleets.fleet_delete, name="fleet-delete"),
    path("keys", keys.key_list, name="key-list"),
    path("keys/new", keys.key_new, name="key-new"),
    path("keys/<int:pk>/revoke", keys.key_revoke, name="key-revoke"),
]
