from django.urls import re_path

from api_pattern.routers import Router
from file_manager import views
from file_manager.rule_trials import FileTrialViewSet

router = Router()
router.register("files", views.UploadViewSet)

urlpatterns = [
    *router.urls,
    # Rules are tried over files too, which the rules themselves know nothing of.
    re_path(r"^rules/test/?$", FileTrialViewSet.as_view({"post": "test_draft"}), name="rule-test-draft"),
    re_path(r"^rules/(?P<pk>[^/]+)/test/?$", FileTrialViewSet.as_view({"post": "test"}), name="rule-test"),
    re_path(r"^rules/(?P<pk>[^/]+)/why/?$", FileTrialViewSet.as_view({"get": "why"}), name="rule-why"),
]
