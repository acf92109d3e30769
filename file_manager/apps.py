from django.apps import AppConfig


class FileManagerConfig(AppConfig):
    name = "file_manager"
    verbose_name = "Files"
