from telemetry import reading_urls

urlpatterns = [*reading_urls.urlpatterns]
