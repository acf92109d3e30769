"""The one place that knows which HTTP status a refusal has, and the one form that it is told in."""

import sys
from collections.abc import Mapping
from typing import Any

import redis.exceptions
import structlog
from django.apps import apps
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, models
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure as django_csrf_failure
from rest_framework import exceptions as rest
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts import exceptions as accounts
from alerts.exceptions import AlertIsClosed, AlertIsNotYoursToGive
from api_pattern import exceptions as api
from api_pattern.problems import CODES, Errors, flat, problem, sentence
from customer_management.exceptions import CustomerConflict
from file_manager.exceptions import UploadIsNotResting, UploadTooLarge
from msg_pattern.bus import BusError
from rules.exceptions import ActionIsNotWaiting, RuleIsNotYours
from task_management.exceptions import TaskConflict, TaskIsFinal
from telemetry.exceptions import TripConflict, TripIsNotScored
from vehicle_management.exceptions import VehicleConflict

log = structlog.get_logger(__name__)

API_PREFIX = "/api/"
RETRY_AFTER_SECONDS = 5

STATUSES: dict[type[Exception], int] = {
    accounts.WrongCredentials: 401,
    accounts.TokenRefused: 401,
    accounts.LastAdministrator: 409,
    accounts.FleetInUse: 409,
    accounts.FleetConflict: 409,
    api.FleetForbidden: 403,
    api.PreconditionFailed: 412,
    api.BodyTooLarge: 413,
    api.Unprocessable: 422,
    api.TooManyAttempts: 429,
    api.Unavailable: 503,
    VehicleConflict: 409,
    CustomerConflict: 409,
    TaskIsFinal: 409,
    TaskConflict: 409,
    AlertIsClosed: 409,
    AlertIsNotYoursToGive: 403,
    TripConflict: 409,
    TripIsNotScored: 409,
    ActionIsNotWaiting: 409,
    RuleIsNotYours: 403,
    UploadIsNotResting: 409,
    UploadTooLarge: 413,
}
UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    BusError,
)


class Problem:
    """What an exception answers: status, sentence, fields and headers."""

    def __init__(
        self, code: int, detail: str, errors: Errors | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.code = code
        self.body = problem(code, detail, errors)
        self.headers = dict(headers or {})


def answer_error(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's handler. None lets the exception go on, to be logged and answered with 500."""
    found = problem_of(exception)
    if found is None:
        return None
    set_rollback()
    return Response(found.body, status=found.code, headers=found.headers)


def problem_of(exception: Exception) -> Problem | None:
    """What is answered for an expected exception; None for one that nobody expected."""
    if isinstance(exception, rest.APIException):
        return _of_rest(exception)
    for kind, code in STATUSES.items():
        if isinstance(exception, kind):
            return _of_domain(exception, code)
    if isinstance(exception, DjangoValidationError):
        return _invalid(_messages(exception))
    if isinstance(exception, IntegrityError):
        return _of_integrity(exception)
    return _of_django(exception)


def _of_domain(exception: Exception, code: int) -> Problem:
    headers = {}
    if code in (429, 503):
        headers["Retry-After"] = str(getattr(exception, "retry_after", RETRY_AFTER_SECONDS))
    if code == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return Problem(code, str(exception), getattr(exception, "errors", None), headers)


def _of_rest(exception: rest.APIException) -> Problem:
    code = exception.status_code
    if isinstance(exception, rest.ValidationError | rest.ParseError):
        return _invalid(flat(exception.detail))
    headers = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Problem(code if code in CODES else 422, _rest_sentence(exception), None, headers)


def _rest_sentence(exception: rest.APIException) -> str:
    if isinstance(exception, rest.NotAuthenticated):
        return _("Log in first: send “Authorization: Bearer …” or “Authorization: Api-Key …”.")
    if isinstance(exception, rest.NotAcceptable):
        return _("This is answered as application/json alone; send “Accept: application/json”.")
    if type(exception) is rest.PermissionDenied and exception.detail == rest.PermissionDenied.default_detail:
        return _("Your role does not allow this.")
    return str(exception.detail)


def _of_django(exception: Exception) -> Problem | None:
    if isinstance(exception, Http404):
        return Problem(404, str(exception) or _("There is nothing here."))
    if isinstance(exception, PermissionDenied):
        return Problem(403, str(exception) or _("Your role does not allow this."))
    if isinstance(exception, ProtectedError | RestrictedError):
        return Problem(409, _("Other things still belong to this; delete them first."))
    if isinstance(exception, RequestDataTooBig):
        return Problem(413, _("The body is too large; send less at once."))
    if isinstance(exception, UNAVAILABLE):
        log.warning("unavailable", what=type(exception).__name__, reason=str(exception))
        return unavailable()
    if isinstance(exception, DataError):
        log.warning("unstorable value", reason=str(exception))
        return Problem(422, _("A value is out of the range that can be stored."))
    return None


def unavailable() -> Problem:
    told = _("A server behind this one does not answer now; try again in {seconds} s.")
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, told.format(seconds=RETRY_AFTER_SECONDS), None, headers)


def _invalid(errors: dict[str, list[str]]) -> Problem:
    return Problem(422, sentence(errors) if errors else _("The body is invalid."), errors)


def _messages(error: DjangoValidationError) -> dict[str, list[str]]:
    return flat(error.message_dict if hasattr(error, "error_dict") else {"body": error.messages})


# ---------------------------------------------------------------- what the database refuses


def _of_integrity(error: IntegrityError) -> Problem | None:
    """The constraint's own message: a duplicate is a conflict, a broken check an invalid value."""
    diagnosis = getattr(error.__cause__, "diag", None)
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if sqlstate == "23505":
        message, fields = _told_constraint(name) or (_("Something with this key exists already."), ())
        return Problem(409, message, {field: [message] for field in fields} or None)
    if sqlstate == "23503":
        return Problem(409, _("Other things still belong to this, or what it names is gone by now."))
    if sqlstate == "23514" and (told := _told_constraint(name)):
        return Problem(422, told[0], {field: [told[0]] for field in told[1]} or None)
    return None


def _told_constraint(name: str) -> tuple[str, tuple[str, ...]] | None:
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                return str(constraint.get_violation_error_message()), tuple(getattr(constraint, "fields", ()))
        for field in model._meta.local_concrete_fields:
            if field.unique and name.startswith(f"{model._meta.db_table}_{field.column}_"):
                return _told_unique(model, field)
    return None


def _told_unique(model: type[models.Model], field: models.Field) -> tuple[str, tuple[str, ...]]:
    labels = {"model_name": model._meta.verbose_name, "field_label": field.verbose_name}
    return str(field.error_messages["unique"]) % labels, (field.name,)


# ---------------------------------------------------------------- beyond DRF: JSON below /api/, else pages


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return answer_problem(request, Problem(413, _("The body is too large; send less at once.")))
    told = str(exception) if isinstance(exception, SuspiciousOperation) and wants_json(request) else ""
    return answer_problem(request, Problem(400, told or _("This request cannot be understood.")))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_problem(request, Problem(403, str(exception) or _("Your role does not allow this.")))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    # A view's own sentence; the resolver's exception holds what it tried instead.
    told = next((one for one in exception.args if isinstance(one, str)), "")
    return answer_problem(
        request, Problem(404, told or _("There is nothing at {path}.").format(path=request.path))
    )


def server_error(request: HttpRequest) -> HttpResponse:
    if isinstance(sys.exc_info()[1], UNAVAILABLE):
        return answer_problem(request, unavailable())
    return answer_problem(request, Problem(500, _("Something went wrong here; it was logged.")))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    if wants_json(request):
        return answer_problem(request, Problem(403, _("The CSRF token is missing or wrong.")))
    return django_csrf_failure(request, reason=reason, template_name="403_csrf.html")


def api_not_found(request: HttpRequest) -> HttpResponse:
    """Every path below /api/ that leads nowhere, whatever its method."""
    return page_not_found(request, Http404())


def answer_problem(request: HttpRequest, found: Problem) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(found.body, status=found.code, headers=found.headers)
    page = f"{found.code}.html" if found.code in (403, 404, 500, 503) else "400.html"
    # Without the request: no context processor may ask a database that does not answer.
    return HttpResponse(
        render_to_string(page, {"detail": found.body["detail"]}), status=found.code, headers=found.headers
    )


def wants_json(request: HttpRequest) -> bool:
    return f"{request.path_info}/".startswith(API_PREFIX)


class ProblemMiddleware(MiddlewareMixin):
    """Answers expected exceptions of plain Django views as the API answers them."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404 | PermissionDenied | SuspiciousOperation | DjangoValidationError):
            return None
        found = problem_of(exception)
        return answer_problem(request, found) if found else None
