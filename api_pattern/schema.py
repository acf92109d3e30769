"""How the API describes itself: what the contract says of every operation, said of every operation."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from api_pattern.problems import CODES

EXAMPLES = {
    401: "Log in, or send a key: the access token is missing, wrong or has expired.",
    403: "Fleet fleet-002 is not yours.",
    404: "Vehicle fleet-001-VH-099 not found",
    406: "Only application/json is answered here.",
    409: "A vehicle with this id exists already.",
    412: 'This is no longer what If-Match says; it is "9c1f…" now. Read it again, then write.',
    413: "The body has more than 10,485,760 bytes; send less at once.",
    415: "Unsupported media type “text/plain” in request; send application/json.",
    422: "model_year: A model year lies between 1900 and 2100.",
    429: "Too many attempts; try again in 60 s.",
    503: "The database does not answer now; try again in 5 s.",
}
EVERYWHERE = (401, 403, 406, 422, 429, 503)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="An ETag that was read before: the write is refused with 412 where it no longer fits.",
)


class ProblemSerializer(serializers.Serializer):
    """What every error answers."""

    detail = serializers.CharField(help_text="A sentence for a person.")
    status_code = serializers.IntegerField(help_text="The HTTP status.")
    error = serializers.ChoiceField(choices=sorted(CODES.values()), help_text="The same for programs.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong, by field, where fields are at fault.",
    )


class Schema(AutoSchema):
    """Adds the errors that every operation may answer, and ``If-Match`` to writes of one thing."""

    def get_override_parameters(self) -> list[Any]:
        declared: list[Any] = super().get_override_parameters()
        return [*declared, IF_MATCH] if self._writes_one() else declared

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        self._tell_tags(bodies)
        problems = {
            str(code): self._problem(code) for code in self._problem_codes() if str(code) not in bodies
        }
        return {**bodies, **problems}

    def _tell_tags(self, bodies: dict[str, Any]) -> None:
        if getattr(self.view, "action", None) not in ("retrieve", "create", "update", "partial_update"):
            return
        tag = {"schema": {"type": "string"}, "description": "The tag of this answer, for If-Match."}
        for code in bodies.keys() & {"200", "201"}:
            bodies[code].setdefault("headers", {})["ETag"] = tag

    def _writes_one(self) -> bool:
        return getattr(self.view, "action", None) in ("update", "partial_update", "destroy")

    def _problem_codes(self) -> list[int]:
        codes = set(EVERYWHERE)
        if "{" in self.path:
            codes.add(404)
        if self.method != "GET":
            codes.add(409)
        if self.method in ("POST", "PUT", "PATCH"):
            codes |= {413, 415}
        if self._writes_one():
            codes.add(412)
        return sorted(codes)

    def _problem(self, code: int) -> dict[str, Any]:
        value: dict[str, Any] = {"detail": EXAMPLES[code], "status_code": code, "error": CODES[code]}
        if code == 422:
            value["errors"] = {"model_year": ["A model year lies between 1900 and 2100."]}
        told = OpenApiResponse(
            ProblemSerializer,
            description=CODES[code],
            examples=[OpenApiExample(CODES[code], value=value, response_only=True, status_codes=[str(code)])],
        )
        response: dict[str, Any] = self._get_response_for_code(told, str(code), ["application/json"])
        return response


def tell_api_paths(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """The API's own paths, told without the trailing slash that they may have."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints if path.startswith("/api/v1/")]
