from django.apps import AppConfig


class CustomerManagementConfig(AppConfig):
    name = "customer_management"
    verbose_name = "Customers"
