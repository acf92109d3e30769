from api_pattern.fields import ObjectField
from api_pattern.serializers import StrictModelSerializer
from customer_management.models import Customer


class CustomerSerializer(StrictModelSerializer):
    """Whom vehicles serve. ``external_id`` is another system's own id; unique where it is given."""

    attributes = ObjectField(required=False)

    class Meta:
        model = Customer
        fields = (
            "id", "external_id", "name", "email", "phone", "address", "attributes", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "updated_at")
        extra_kwargs = {"address": {"max_length": 10_000}}
