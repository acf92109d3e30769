from django.urls import path, re_path

from dashboard.views import tasks

urlpatterns = [
    path("tasks", tasks.task_list, name="task-list"),
    path("tasks/new", tasks.task_new, name="task-new"),
    path("tasks/bulk", tasks.tasks_bulk, name="tasks-bulk"),
    path("tasks/<int:pk>", tasks.task_page, name="task-page"),
    path("tasks/<int:pk>/edit", tasks.task_edit, name="task-edit"),
    path("tasks/<int:pk>/rules", tasks.task_rules, name="task-rules-page"),
    re_path(r"^tasks/(?P<pk>\d{1,18})/(?P<does>complete|cancel|comment)$", tasks.task_do, name="task-do"),
]
