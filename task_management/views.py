from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.actors import sender_of
from api_pattern.views import CrudViewSet
from task_management import services
from task_management.filters import TaskFilters
from task_management.locks import lock_tasks
from task_management.models import Task
from task_management.serializers import CommentSerializer, TaskSerializer, TickSerializer


@extend_schema_view(
    list=extend_schema(summary="List the tasks that one sees"),
    retrieve=extend_schema(summary="Read a task"),
    create=extend_schema(
        summary="Create a task",
        description="A caller who is limited to fleets names a vehicle or a customer that they see; "
        "the assignee is an active person who may see the task.",
    ),
    update=extend_schema(summary="Change a task"),
    partial_update=extend_schema(summary="Change some fields of a task"),
    destroy=extend_schema(
        summary="Delete a task",
        description="Hides it and frees its external id; an administrator can restore or purge it.",
    ),
)
class TaskViewSet(CrudViewSet):
    """Tasks: what is to be done, by whom and until when. Open until complete or canceled."""

    queryset = Task.objects.select_related("vehicle", "customer", "assignee", "cause", "closed_by")
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
    search_fields = ("title", "description", "external_id", "vehicle__vehicle_id")
    ordering_fields = ("id", "title", "status", "due_at", "created_at", "updated_at", "completed_at")
    list_actions = frozenset({"list", "comments"})
    operator_actions = frozenset({"complete", "cancel", "checklist", "add_comment"})

    def known_parameters(self) -> list[str]:
        return ["page", "limit"] if self.action == "comments" else super().known_parameters()

    def find(self, queryset: Any) -> Any:
        if queryset.query.select_for_update:
            lock_tasks(Task.objects.filter(pk=super().find(self.get_queryset()).pk))
        return super().find(queryset)

    def perform_create(self, serializer: BaseSerializer) -> Task:
        return self._fresh(services.create_task(serializer.validated_data, by=sender_of(self.request)))

    def perform_update(self, instance: Task, serializer: BaseSerializer) -> Task:
        return self._fresh(
            services.update_task(instance, serializer.validated_data, by=sender_of(self.request))
        )

    def perform_destroy(self, instance: Task) -> None:
        services.hide_tasks([instance.pk], by=sender_of(self.request))

    def _fresh(self, task: Task) -> Task:
        """As it is told; a task that the change took out of the caller's sight is told once more."""
        return self.get_queryset().filter(pk=task.pk).first() or task

    @extend_schema(summary="Complete a task", request=None)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """It is done. Operators may do this too; answers 409 from a final status."""
        return self.answer(self._fresh(services.complete_task(self.get_object(), by=sender_of(request))))

    @extend_schema(summary="Cancel a task", request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """It need not be done. Operators may do this too; answers 409 from a final status."""
        return self.answer(self._fresh(services.cancel_task(self.get_object(), by=sender_of(request))))

    @extend_schema(
        summary="Tick an item of a task's checklist", request=TickSerializer, responses={200: TaskSerializer}
    )
    @action(detail=True, methods=["post"])
    def checklist(self, request: Request, pk: str) -> Response:
        """Done, or not done after all. Operators may do this too; answers 409 from a final status."""
        serializer = TickSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        task = services.set_checklist_item(self.get_object(), **serializer.validated_data)
        return self.answer(self._fresh(task))

    @extend_schema(summary="List what people said of a task", responses={200: CommentSerializer(many=True)})
    @action(detail=True, methods=["get"])
    def comments(self, request: Request, pk: str) -> Response:
        """The oldest comes first."""
        return self.answer_list(self.get_object().comments.select_related("by"), CommentSerializer)

    @extend_schema(summary="Comment on a task", request=CommentSerializer, responses={201: CommentSerializer})
    @comments.mapping.post
    def add_comment(self, request: Request, pk: str) -> Response:
        """Operators may do this too."""
        serializer = CommentSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        text = serializer.validated_data["text"]
        comment = services.comment_on_task(self.get_object(), text, by=sender_of(request))
        told: dict[str, Any] = CommentSerializer(comment).data
        return Response(told, status=status.HTTP_201_CREATED)
