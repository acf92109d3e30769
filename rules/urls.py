from django.urls import re_path

from api_pattern.routers import Router
from rules import views
from rules.task_views import RuledTaskViewSet

router = Router()
router.register("rules", views.RuleViewSet)
router.register("firings", views.FiringViewSet)
router.register("logs", views.LogEntryViewSet)
router.register("tasks", RuledTaskViewSet)

urlpatterns = [
    *router.urls,
    re_path(
        r"^rules/(?P<pk>[^/]+)/firings/?$",
        views.RuleFiringsViewSet.as_view({"get": "list"}),
        name="rule-firings",
    ),
    re_path(
        r"^rules/(?P<pk>[^/]+)/versions/?$",
        views.RuleVersionsViewSet.as_view({"get": "list"}),
        name="rule-versions",
    ),
    re_path(
        r"^rules/(?P<pk>[^/]+)/versions/(?P<number>[0-9]{1,9})/?$",
        views.RuleVersionsViewSet.as_view({"get": "retrieve"}),
        name="rule-version",
    ),
]
