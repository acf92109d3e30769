"""What each route answers to each role. A route without a row here fails the walk.

The columns are the roles of ``world.ROLES`` in order: anonymous, operator, manager and administrator of the
northern fleet, the stranger who manages the southern one, and the northern keys that may read, write,
ingest, or speak for one vehicle.
"""

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from fleet_manager.tests.world import FILE, PATTERN, World

RULE = {"name": "Service due", "pattern": PATTERN, "actions": []}

#                      anon  oper  mana  admi  stra  read  writ  inge  devi
ADMINISTRATORS_READ = " 401   403   403   200   403   403   403   403   403"
ADMINISTRATORS_MAKE = " 401   403   403   201   403   403   403   403   403"
ADMINISTRATORS_DROP = " 401   403   403   204   403   403   403   403   403"
ALL_LIST            = " 401   200   200   200   200   200   200   403   200"  # fmt: skip
THOSE_OF_THE_FLEET  = " 401   200   200   200   403   200   200   403   200"  # fmt: skip
WHO_SEES_IT         = " 401   200   200   200   404   200   200   403   200"  # fmt: skip
WHO_SEES_THE_FILE   = " 401   200   200   200   404   200   200   403   404"  # fmt: skip
MANAGERS_MAKE       = " 401   403   201   201   201   403   201   403   403"  # fmt: skip
NAMING_A_FLEET      = " 401   403   201   201   403   403   201   403   403"  # fmt: skip
MANAGERS_WRITE      = " 401   403   200   200   404   403   200   403   403"  # fmt: skip
SEEING_ITS_VEHICLE  = " 401   403   201   201   422   403   201   403   403"  # fmt: skip
OPERATORS_TOO       = " 401   200   200   200   404   403   200   403   403"  # fmt: skip
DEVICES_TOO         = " 401   403   200   200   404   403   200   403   200"  # fmt: skip
MANAGERS_DROP       = " 401   403   204   204   404   403   204   403   403"  # fmt: skip
SENDING_READINGS    = " 401   403   202   202   422   403   202   202   202"  # fmt: skip
EVERYONE            = " 200   200   200   200   200   200   200   200   200"  # fmt: skip
NOT_ALLOWED         = " 405   405   405   405   405   405   405   405   405"  # fmt: skip
NOT_FOUND           = " 404   404   404   404   404   404   404   404   404"  # fmt: skip
LOGGED_IN           = " 401   200   200   200   200   200   200   200   200"  # fmt: skip
UNKNOWN_TOKEN       = " 401   401   401   401   401   401   401   401   401"  # fmt: skip

API: dict[str, str] = {
    "GET /api": NOT_FOUND,
    "POST /api": NOT_FOUND,
    "GET /api/docs": EVERYONE,
    "POST /api/docs": NOT_ALLOWED,
    "GET /api/redoc": EVERYONE,
    "POST /api/redoc": NOT_ALLOWED,
    "GET /api/schema": EVERYONE,
    "GET /healthz": EVERYONE,
    "POST /healthz": NOT_ALLOWED,
    "GET /readyz": EVERYONE,
    "POST /readyz": NOT_ALLOWED,
    "GET /metrics": EVERYONE,
    "POST /metrics": NOT_ALLOWED,
    # people
    "POST /api/v1/auth/login": UNKNOWN_TOKEN,
    "POST /api/v1/auth/refresh": UNKNOWN_TOKEN,
    "POST /api/v1/auth/logout": LOGGED_IN.replace("200", "204"),
    "GET /api/v1/auth/me": LOGGED_IN,
    "GET /api/v1/users": ADMINISTRATORS_READ,
    "POST /api/v1/users": ADMINISTRATORS_MAKE,
    "GET /api/v1/users/{pk}": ADMINISTRATORS_READ,
    "PUT /api/v1/users/{pk}": ADMINISTRATORS_READ,
    "PATCH /api/v1/users/{pk}": ADMINISTRATORS_READ,
    "DELETE /api/v1/users/{pk}": ADMINISTRATORS_DROP,
    "GET /api/v1/memberships": ADMINISTRATORS_READ,
    "POST /api/v1/memberships": ADMINISTRATORS_MAKE,
    "GET /api/v1/memberships/{pk}": ADMINISTRATORS_READ,
    "PUT /api/v1/memberships/{pk}": ADMINISTRATORS_READ,
    "PATCH /api/v1/memberships/{pk}": ADMINISTRATORS_READ,
    "DELETE /api/v1/memberships/{pk}": ADMINISTRATORS_DROP,
    "GET /api/v1/api-keys": ADMINISTRATORS_READ,
    "POST /api/v1/api-keys": ADMINISTRATORS_MAKE,
    "GET /api/v1/api-keys/{pk}": ADMINISTRATORS_READ,
    "PUT /api/v1/api-keys/{pk}": ADMINISTRATORS_READ,
    "PATCH /api/v1/api-keys/{pk}": ADMINISTRATORS_READ,
    "DELETE /api/v1/api-keys/{pk}": ADMINISTRATORS_DROP,
    # fleets
    "GET /api/v1/fleet": ALL_LIST,
    "POST /api/v1/fleet": ADMINISTRATORS_MAKE,
    "GET /api/v1/fleet/{fleet_id}": THOSE_OF_THE_FLEET,
    "PUT /api/v1/fleet/{fleet_id}": ADMINISTRATORS_READ,
    "PATCH /api/v1/fleet/{fleet_id}": ADMINISTRATORS_READ,
    "DELETE /api/v1/fleet/{fleet_id}": ADMINISTRATORS_DROP.replace("204", "409"),
    "GET /api/v1/fleet/{fleet_id}/summary": THOSE_OF_THE_FLEET,
    # vehicles
    "GET /api/v1/fleet/{fleet_id}/vehicles": THOSE_OF_THE_FLEET,
    "GET /api/v1/vehicles": ALL_LIST,
    "POST /api/v1/vehicles": NAMING_A_FLEET,
    "GET /api/v1/vehicles/{vehicle_id}": WHO_SEES_IT,
    "PUT /api/v1/vehicles/{vehicle_id}": MANAGERS_WRITE,
    "PATCH /api/v1/vehicles/{vehicle_id}": MANAGERS_WRITE,
    "DELETE /api/v1/vehicles/{vehicle_id}": MANAGERS_DROP,
    "GET /api/v1/vehicles/{vehicle_id}/status": WHO_SEES_IT,
    "PATCH /api/v1/vehicles/{vehicle_id}/status": DEVICES_TOO,
    "GET /api/v1/vehicles/{vehicle_id}/history": WHO_SEES_IT,
    "GET /api/v1/attribute-types": ALL_LIST,
    "PATCH /api/v1/attribute-types/{name}": ADMINISTRATORS_READ,
    # readings and reports
    "POST /api/v1/telemetry": SENDING_READINGS,
    "GET /api/v1/telemetry/osmand": SENDING_READINGS.replace("202", "422"),
    "POST /api/v1/telemetry/osmand": SENDING_READINGS.replace("202", "422"),
    "GET /api/v1/telemetry/{vehicle_id}/latest": WHO_SEES_IT,
    "GET /api/v1/telemetry/{vehicle_id}/history": WHO_SEES_IT,
    "GET /api/v1/analytics/vehicle/{vehicle_id}/metrics": WHO_SEES_IT,
    "GET /api/v1/analytics/vehicle/{vehicle_id}/speed-series": WHO_SEES_IT,
    "GET /api/v1/analytics/vehicle/{vehicle_id}/series": WHO_SEES_IT,
    "GET /api/v1/analytics/fleet/{fleet_id}/performance": THOSE_OF_THE_FLEET,
    "GET /api/v1/analytics/drivers": ALL_LIST,
    "GET /api/v1/analytics/vehicles/scores": ALL_LIST,
    "GET /api/v1/analytics/scores": ALL_LIST,
    # archives
    "GET /api/v1/archives": ALL_LIST,
    "GET /api/v1/archives/{pk}": WHO_SEES_THE_FILE,
    "POST /api/v1/archives/{pk}/restore": ADMINISTRATORS_READ.replace("200", "202"),
    "GET /api/v1/fleet/{fleet_id}/retention": THOSE_OF_THE_FLEET,
    "PUT /api/v1/fleet/{fleet_id}/retention": ADMINISTRATORS_READ,
    # trips
    "GET /api/v1/trips": ALL_LIST,
    "GET /api/v1/trips/{trip_id}/track": WHO_SEES_IT,
    "GET /api/v1/trip/{trip_id}": WHO_SEES_IT,
    "GET /api/v1/trip/{trip_id}/score": WHO_SEES_IT,
    # customers
    "GET /api/v1/customers": ALL_LIST,
    "POST /api/v1/customers": MANAGERS_MAKE,
    "GET /api/v1/customers/{pk}": WHO_SEES_IT,
    "PUT /api/v1/customers/{pk}": MANAGERS_WRITE,
    "PATCH /api/v1/customers/{pk}": MANAGERS_WRITE,
    "DELETE /api/v1/customers/{pk}": MANAGERS_DROP,
    "GET /api/v1/customers/{customer_id}/vehicles": WHO_SEES_IT,
    # tasks
    "GET /api/v1/tasks": ALL_LIST,
    "POST /api/v1/tasks": SEEING_ITS_VEHICLE,
    "GET /api/v1/tasks/{pk}": WHO_SEES_IT,
    "PUT /api/v1/tasks/{pk}": MANAGERS_WRITE,
    "PATCH /api/v1/tasks/{pk}": MANAGERS_WRITE,
    "DELETE /api/v1/tasks/{pk}": MANAGERS_DROP,
    "POST /api/v1/tasks/{pk}/complete": OPERATORS_TOO,
    "POST /api/v1/tasks/{pk}/cancel": OPERATORS_TOO,
    "POST /api/v1/tasks/{pk}/checklist": OPERATORS_TOO,
    "GET /api/v1/tasks/{pk}/comments": WHO_SEES_IT,
    "POST /api/v1/tasks/{pk}/comments": OPERATORS_TOO.replace("200", "201"),
    # alerts
    "GET /api/v1/alerts": ALL_LIST,
    "GET /api/v1/alerts/{pk}": WHO_SEES_IT,
    "POST /api/v1/alerts/acknowledge": OPERATORS_TOO.replace("404", "200"),
    "POST /api/v1/alerts/{pk}/acknowledge": OPERATORS_TOO,
    "POST /api/v1/alerts/{pk}/assign": OPERATORS_TOO,
    "POST /api/v1/alerts/{pk}/close": MANAGERS_WRITE,
    "POST /api/v1/alerts/{pk}/comment": OPERATORS_TOO,
    # rules
    "GET /api/v1/rules": ALL_LIST,
    "POST /api/v1/rules": MANAGERS_MAKE,
    "POST /api/v1/rules/validate": MANAGERS_MAKE.replace("201", "200"),
    "GET /api/v1/rules/{pk}": WHO_SEES_IT,
    "PUT /api/v1/rules/{pk}": MANAGERS_WRITE,
    "PATCH /api/v1/rules/{pk}": MANAGERS_WRITE,
    "DELETE /api/v1/rules/{pk}": MANAGERS_DROP,
    "GET /api/v1/rules/{pk}/firings": WHO_SEES_IT,
    "GET /api/v1/rules/{pk}/versions": WHO_SEES_IT,
    "GET /api/v1/rules/{pk}/versions/{number}": WHO_SEES_IT,
    "POST /api/v1/rules/test": MANAGERS_MAKE.replace("201", "200"),
    "POST /api/v1/rules/{pk}/test": MANAGERS_WRITE,
    "GET /api/v1/rules/{pk}/why": WHO_SEES_IT.replace("200", "422"),
    "GET /api/v1/rules/{pk}/webhook-secret": MANAGERS_WRITE,
    "POST /api/v1/rules/{pk}/webhook-secret": MANAGERS_WRITE,
    "GET /api/v1/firings/{pk}": WHO_SEES_IT,
    "POST /api/v1/firings/{pk}/actions/{index}/retry": MANAGERS_WRITE.replace("200", "409"),
    "GET /api/v1/logs": ALL_LIST,
    # files
    "GET /api/v1/files": ALL_LIST,
    "POST /api/v1/files": NAMING_A_FLEET.replace("201", "202"),
    "GET /api/v1/files/{pk}": WHO_SEES_THE_FILE,
    "GET /api/v1/files/{pk}/rows": WHO_SEES_THE_FILE,
    "GET /api/v1/files/{pk}/errors": WHO_SEES_THE_FILE,
    "GET /api/v1/files/{pk}/download": WHO_SEES_THE_FILE,
    "POST /api/v1/files/{pk}/apply": MANAGERS_WRITE.replace("200", "409"),
    "POST /api/v1/files/{pk}/cancel": MANAGERS_WRITE.replace("200", "409"),
}

VALUES: dict[str, Callable[[World], Any]] = {
    "/api/v1/users/{pk}": lambda world: world.people.operator.pk,
    "/api/v1/memberships/{pk}": lambda world: world.membership.pk,
    "/api/v1/api-keys/{pk}": lambda world: world.key.pk,
    "{vehicle_id}": lambda world: world.vehicle.vehicle_id,
    "/api/v1/archives/{pk}": lambda world: world.archive.pk,
    "{customer_id}": lambda world: world.customer.pk,
    "{trip_id}": lambda world: world.trip.pk,
    "{name}": lambda world: world.attribute_type.name,
    "/api/v1/customers/{pk}": lambda world: world.customer.pk,
    "/api/v1/tasks/{pk}": lambda world: world.task.pk,
    "/api/v1/alerts/{pk}": lambda world: world.alert.pk,
    "/api/v1/rules/{pk}": lambda world: world.rule.pk,
    "/api/v1/firings/{pk}": lambda world: world.firing.pk,
    "/api/v1/files/{pk}": lambda world: world.upload.pk,
    "/customers/{pk}": lambda world: world.customer.pk,
    "/files/{pk}": lambda world: world.upload.pk,
    "/tasks/{pk}": lambda world: world.task.pk,
    "/rules/{pk}": lambda world: world.rule.pk,
    "/firings/{pk}": lambda world: world.firing.pk,
    "/alerts/{pk}": lambda world: world.alert.pk,
    "/people/{pk}": lambda world: world.people.operator.pk,
    "/keys/{pk}": lambda world: world.key.pk,
    "{index}": lambda world: 0,
    "{number}": lambda world: 1,
    "{token}": lambda world: "none",
    "{thing}": lambda world: "vehicles",
    "{table}": lambda world: "vehicles",
    "{kind}": lambda world: "vehicles",
    "{fleet_id}": lambda world: world.people.north.fleet_id,
}

BODIES: dict[str, Callable[[World], Any]] = {
    "POST /api/v1/auth/login": lambda world: {"email": "nobody@example.org", "password": "wrong"},
    "POST /api/v1/auth/refresh": lambda world: {"refresh_token": "none"},
    "POST /api/v1/auth/logout": lambda world: {"refresh_token": "none"},
    "POST /api/v1/users": lambda world: {"email": "new@example.org"},
    "PUT /api/v1/users/{pk}": lambda world: {"email": world.people.operator.email},
    "POST /api/v1/memberships": lambda world: {
        "user_id": world.people.operator.pk,
        "fleet_id": world.people.south.fleet_id,
    },
    "PUT /api/v1/memberships/{pk}": lambda world: {
        "user_id": world.people.operator.pk,
        "fleet_id": world.people.north.fleet_id,
    },
    "POST /api/v1/api-keys": lambda world: {"name": "x", "scopes": ["read"], "fleets": ["fleet-north"]},
    "PUT /api/v1/api-keys/{pk}": lambda world: {"name": "x", "scopes": ["read"]},
    "POST /api/v1/fleet": lambda world: {"fleet_id": "fleet-west", "fleet_name": "West"},
    "PUT /api/v1/fleet/{fleet_id}": lambda world: {"fleet_name": "West"},
    "PUT /api/v1/fleet/{fleet_id}/retention": lambda world: {"days": 30},
    "POST /api/v1/vehicles": lambda world: {"vehicle_id": "new", "fleet_id": world.people.north.fleet_id},
    "POST /api/v1/telemetry": lambda world: {"vehicle_id": world.vehicle.vehicle_id, "speed_kmh": 30},
    "PUT /api/v1/vehicles/{vehicle_id}": lambda world: {
        "fleet_id": world.people.north.fleet_id,
        "plate": "N 2",
    },
    "PATCH /api/v1/vehicles/{vehicle_id}/status": lambda world: {"odometer_km": 9_500},
    "POST /api/v1/customers": lambda world: {"name": "New"},
    "PUT /api/v1/customers/{pk}": lambda world: {"name": "New"},
    "POST /api/v1/tasks": lambda world: {"title": "Wash it", "vehicle_id": world.vehicle.vehicle_id},
    "PUT /api/v1/tasks/{pk}": lambda world: {"title": "Wash it", "vehicle_id": world.vehicle.vehicle_id},
    "POST /api/v1/tasks/{pk}/checklist": lambda world: {"index": 0, "done": True},
    "POST /api/v1/tasks/{pk}/comments": lambda world: {"text": "Done soon."},
    "POST /api/v1/alerts/acknowledge": lambda world: {"ids": [world.alert.pk]},
    "POST /api/v1/alerts/{pk}/assign": lambda world: {"assignee": None},
    "POST /api/v1/alerts/{pk}/comment": lambda world: {"text": "I saw it too."},
    "POST /api/v1/rules": lambda world: RULE,
    "POST /api/v1/rules/validate": lambda world: {"pattern": PATTERN},
    "POST /api/v1/rules/test": lambda world: {
        "from": "2026-03-01T00:00:00Z",
        "pattern": PATTERN,
        "scope": {"everything": True},
    },
    "POST /api/v1/rules/{pk}/test": lambda world: {"from": "2026-03-01T00:00:00Z"},
    "PUT /api/v1/rules/{pk}": lambda world: RULE,
    "POST /api/v1/files": lambda world: {
        "file": SimpleUploadedFile("fleet.csv", FILE),
        "kind": "vehicles",
        "fleet_id": world.people.north.fleet_id,
    },
}
