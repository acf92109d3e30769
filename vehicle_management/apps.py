from django.apps import AppConfig


class VehicleManagementConfig(AppConfig):
    name = "vehicle_management"
    verbose_name = "Vehicles"
