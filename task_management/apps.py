from django.apps import AppConfig


class TaskManagementConfig(AppConfig):
    name = "task_management"
    verbose_name = "Tasks"
