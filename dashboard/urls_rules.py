from django.urls import path, re_path

from dashboard.views import rules

urlpatterns = [
    path("rules", rules.rule_list, name="rule-list"),
    path("rules/new", rules.rule_new, name="rule-new"),
    path("rules/<int:pk>", rules.rule_page, name="rule-page"),
    re_path(r"^rules/(?P<pk>\d{1,18})/(?P<does>enable|disable|duplicate)$", rules.rule_do, name="rule-do"),
    path("firings/<int:pk>", rules.firing_page, name="firing-page"),
    path("firings/<int:pk>/retry/<int:index>", rules.action_retry, name="action-retry"),
]
