from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

from api_pattern.fields import ObjectField
from api_pattern.serializers import StrictModelSerializer
from customer_management.models import Customer

WRITTEN = {
    "external_id": "B02026",
    "name": "City of Northgate, Parks",
    "email": "parks@northgate.example",
    "phone": "+1 206 555 0100",
    "address": "600 4th Ave",
    "attributes": {"segment": "city"},
}
TIMES = {"created_at": "2026-05-04T09:30:00Z", "updated_at": "2026-05-04T09:30:00Z"}
EXAMPLES = [
    OpenApiExample("A new customer", value=WRITTEN, request_only=True),
    OpenApiExample("A customer", value={"id": 12, **WRITTEN, **TIMES}, response_only=True),
]


@extend_schema_serializer(examples=EXAMPLES)
class CustomerSerializer(StrictModelSerializer):
    """Whom vehicles serve. ``external_id`` is another system's own id, unique where it is given.

    ``attributes`` holds whatever else is known; it is replaced as a whole.
    """

    attributes = ObjectField(required=False)

    class Meta:
        model = Customer
        fields = (
            "id", "external_id", "name", "email", "phone", "address", "attributes", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at")
        extra_kwargs = {"address": {"max_length": 10_000}}
