from django.urls import path

from dashboard.views import files

urlpatterns = [
    path("files", files.file_list, name="file-list"),
    path("files/templates/<str:kind>.csv", files.file_template, name="file-template"),
    path("files/<int:pk>", files.file_page, name="file-page"),
    path("files/<int:pk>/events", files.file_events, name="file-events"),
    path("files/<int:pk>/faults/<int:group>", files.file_faults, name="file-faults"),
]
