"""The plain way in Django: Django REST framework, a serializer and the ORM, served by gunicorn.

gunicorn benchmarks.drf_app:application
"""

import os
from typing import ClassVar

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="benchmarks.drf_app",
    SECRET_KEY="of a benchmark",
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["BENCH_NAME"],
            "USER": os.environ["BENCH_USER"],
            "HOST": os.environ["BENCH_HOST"],
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Reading(models.Model):
    pk = models.CompositePrimaryKey("vehicle_id", "recorded_at")
    vehicle_id = models.TextField()
    recorded_at = models.DateTimeField()
    latitude = models.FloatField()
    longitude = models.FloatField()
    speed_kmh = models.FloatField()
    heading_deg = models.FloatField()
    odometer_km = models.FloatField()
    battery_pct = models.FloatField()
    engine_temp_c = models.FloatField()
    load_pct = models.FloatField()
    status = models.TextField()

    objects: ClassVar[models.Manager["Reading"]] = models.Manager()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "bench_reading"

    def __str__(self) -> str:
        return self.vehicle_id


class ReadingSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField(max_length=64)
    timestamp = serializers.DateTimeField(source="recorded_at")
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    speed_kmh = serializers.FloatField(min_value=0, max_value=1_000)
    heading_deg = serializers.FloatField(min_value=0, max_value=360)
    odometer_km = serializers.FloatField(min_value=0)
    battery_pct = serializers.FloatField(min_value=0, max_value=100)
    engine_temp_c = serializers.FloatField(min_value=-100, max_value=1_000)
    load_pct = serializers.FloatField(min_value=0, max_value=1_000)
    status = serializers.CharField(max_length=16)


class Take(APIView):
    def post(self, request: Request) -> Response:
        serializer = ReadingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        Reading.objects.create(**serializer.validated_data)
        return Response({"status": "STORED"}, status=202)


urlpatterns = [path("readings", Take.as_view())]
application = get_wsgi_application()
