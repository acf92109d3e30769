"""The ASGI application that uvicorn serves."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_manager.settings")

_django = get_asgi_application()

# Imported behind the line above, which loads the apps.
from fleet_manager.errors import problem_of  # noqa: E402
from fleet_manager.upload_gate import UploadGate  # noqa: E402
from telemetry.ingest import TelemetryGate  # noqa: E402

application = TelemetryGate(UploadGate(_django), problem_of)
