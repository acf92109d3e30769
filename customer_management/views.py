from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.serializers import BaseSerializer

from accounts.actors import sender_of
from api_pattern.views import CrudViewSet
from customer_management import services
from customer_management.filters import CustomerFilters
from customer_management.models import Customer
from customer_management.serializers import CustomerSerializer


@extend_schema_view(
    list=extend_schema(summary="List the customers that one sees"),
    retrieve=extend_schema(summary="Read a customer"),
    create=extend_schema(
        summary="Create a customer", description="Answers 409 where the external id is taken."
    ),
    update=extend_schema(summary="Change a customer"),
    partial_update=extend_schema(summary="Change some fields of a customer"),
    destroy=extend_schema(
        summary="Delete a customer",
        description="Hides it and frees its external id; an administrator can restore or purge it.",
    ),
)
class CustomerViewSet(CrudViewSet):
    """Customers: of one's fleets' vehicles, and those that one made oneself."""

    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilters
    search_fields = ("name", "external_id", "email", "phone", "address")
    ordering_fields = ("id", "name", "external_id", "email", "created_at", "updated_at")

    def perform_create(self, serializer: BaseSerializer) -> Customer:
        return services.create_customer(serializer.validated_data, by=sender_of(self.request))

    def perform_update(self, instance: Customer, serializer: BaseSerializer) -> Customer:
        return services.update_customer(instance, serializer.validated_data, by=sender_of(self.request))

    def perform_destroy(self, instance: Customer) -> None:
        services.hide_customers([instance.pk], by=sender_of(self.request))
