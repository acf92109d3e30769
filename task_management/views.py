from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.actors import sender_of
from api_pattern.views import CrudViewSet
from task_management import services
from task_management.filters import TaskFilters
from task_management.models import Task
from task_management.serializers import CommentSerializer, TaskSerializer


class TaskViewSet(CrudViewSet):
    """Tasks: what is to be done, by whom and until when. Open until complete or canceled."""

    queryset = Task.objects.select_related("vehicle", "customer", "assignee")
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
    search_fields = ("title", "description", "external_id", "vehicle__vehicle_id")
    ordering_fields = ("id", "title", "status", "due_at", "created_at", "completed_at")
    list_actions = frozenset({"list", "comments"})
    operator_actions = frozenset({"complete", "cancel", "add_comment"})

    def known_parameters(self) -> list[str]:
        return ["page", "limit"] if self.action == "comments" else super().known_parameters()

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

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """It is done. Answers 409 from a final status."""
        return self.answer(self._fresh(services.complete_task(self.get_object(), by=sender_of(request))))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """It need not be done. Answers 409 from a final status."""
        return self.answer(self._fresh(services.cancel_task(self.get_object(), by=sender_of(request))))

    @extend_schema(responses={200: CommentSerializer(many=True)})
    @action(detail=True, methods=["get"])
    def comments(self, request: Request, pk: str) -> Response:
        """What people said of the task, oldest first."""
        return self.answer_list(self.get_object().comments.select_related("by"), CommentSerializer)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    @comments.mapping.post
    def add_comment(self, request: Request, pk: str) -> Response:
        serializer = CommentSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        text = serializer.validated_data["text"]
        comment = services.comment_on_task(self.get_object(), text, by=sender_of(request))
        told: dict[str, Any] = CommentSerializer(comment).data
        return Response(told, status=status.HTTP_201_CREATED)
