from django.urls import include, path

from dashboard.views import customers, entrance, overview, vehicles

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("search", overview.search, name="search"),
    path("login", entrance.log_in, name="login"),
    path("logout", entrance.log_out, name="logout"),
    path("profile", entrance.profile, name="profile"),
    path("vehicles", vehicles.vehicle_list, name="vehicle-list"),
    path("vehicles/new", vehicles.vehicle_new, name="vehicle-new"),
    path("vehicles/attach", vehicles.attach, name="vehicle-attach"),
    path("vehicles/<str:vehicle_id>", vehicles.vehicle_page, name="vehicle-page"),
    path("vehicles/<str:vehicle_id>/edit", vehicles.vehicle_edit, name="vehicle-edit"),
    path("vehicles/<str:vehicle_id>/status", vehicles.status_edit, name="vehicle-status"),
    path("vehicles/<str:vehicle_id>/delete", vehicles.vehicle_delete, name="vehicle-delete"),
    path("customers", customers.customer_list, name="customer-list"),
    path("customers/new", customers.customer_new, name="customer-new"),
    path("customers/<int:pk>", customers.customer_page, name="customer-page"),
    path("customers/<int:pk>/edit", customers.customer_edit, name="customer-edit"),
    path("customers/<int:pk>/attach", customers.customer_attach, name="customer-attach"),
    path("customers/<int:pk>/delete", customers.customer_delete, name="customer-delete"),
    path("", include("dashboard.urls_files")),
    path("", include("dashboard.urls_tasks")),
    path("", include("dashboard.urls_rules")),
    path("", include("dashboard.urls_people")),
]
