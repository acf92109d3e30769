"""A rule tried before it is switched on, and why it did not fire. Nothing is stored or done."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from api_pattern.exceptions import Refused
from dashboard.pages.base import WRITERS, Page
from dashboard.report_range import LABELS, Range, range_of
from dashboard.shown import exact
from dashboard.trial_figures import figures_of
from file_manager.file_trial import KINDS, try_over_file
from file_manager.models import Upload
from rules.models import Rule
from rules.services import sentence_of
from rules.trial_draft import read_draft, read_span
from rules.trial_jobs import Asked, Job, find_job, try_or_ask, why_lost
from rules.why import why
from telemetry.answers import seen_vehicle

FILE = "file"
MOST_FILES = 30
MOMENT = "%Y-%m-%dT%H:%M:%S"
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Trial(Page):
    """``draft`` holds the editor's fields where it was sent from there, else the rule is tried as it is."""

    section = "rules"

    @property
    def data(self) -> Mapping[str, Any]:
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def find_rule(self, pk: int | None) -> Rule | None:
        return get_object_or_404(Rule.objects.visible_to(self.me), pk=pk) if pk else None

    @property
    def draft(self) -> dict[str, Any] | None:
        """Raises ValidationError where it is none."""
        text = self.data.get("draft") or ""
        if not text:
            return None
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise ValidationError(
                _("The draft that was sent is no rule; go back to the editor and try again.")
            )
        return read

    @property
    def is_over_file(self) -> bool:
        return self.data.get("range") == FILE

    @property
    def span(self) -> Range:
        asked = {name: self.data.get(name) for name in ("range", "from", "to")}
        return range_of({**asked, "range": None} if self.is_over_file else asked)

    def show_trial(self, rule: Rule | None) -> HttpResponse:
        if self.part() == "trial":
            return self.show("rules/trial_result.html", self._result(rule))
        draft, error = self._read_draft()
        name = (draft or {}).get("name") or (rule.name if rule else "")
        pattern = (draft or {}).get("pattern") or (rule.pattern if rule else None)
        context = {
            "rule": rule,
            "name": name or _("New rule"),
            "sentence": sentence_of(pattern) if pattern else "",
            "draft": self.data.get("draft", ""),
            "is_draft": draft is not None,
            "error": error,
            "span": self.span,
            "ranges": LABELS.items(),
            "is_over_file": self.is_over_file,
            "files": self._files(),
            "asked": self.data,
            "now": timezone.localtime().strftime(MOMENT),
            "why_address": reverse("why-rule", args=[rule.pk]) if rule else reverse("why-draft"),
        }
        return self.show("rules/trial.html", context)

    def _read_draft(self) -> tuple[dict[str, Any] | None, str]:
        try:
            return self.draft, ""
        except ValidationError as error:
            return None, " ".join(error.messages)

    def _files(self) -> list[Upload]:
        uploads = Upload.objects.visible_to(self.me).filter(kind__in=KINDS).exclude(columns=[])
        return list(uploads.order_by("-pk")[:MOST_FILES])

    def _result(self, rule: Rule | None) -> dict[str, Any]:
        try:
            told = self._try(rule)
        except ValidationError as error:
            return {"errors": _faults(error)}
        except Refused as error:
            return {"errors": [("", error.detail)]}
        if isinstance(told, str):
            return {"token": told, "share": 0, "is_waiting": True}
        return {"figures": figures_of(told)}

    def _try(self, rule: Rule | None) -> Mapping[str, Any] | str:
        values = self.draft or {}
        vehicles = tuple(self.data.get("vehicles", "").replace(",", " ").split()) or None
        if self.is_over_file:
            pk = self.data.get("file") or ""
            if not pk.isdecimal():
                raise ValidationError(
                    _("Choose a file; vehicles and statuses that were uploaded are listed.")
                )
            return try_over_file({**values, "file": int(pk), "vehicles": vehicles}, rule, by=self.me)
        if self.span.error:
            raise ValidationError(self.span.error)
        start, end = read_span(self.span.start, self.span.end)
        return try_or_ask(Asked(values, start, end, vehicles, rule.pk if rule else None), by=self.me)


class RuleTrial(Trial):
    """Of a stored rule, as it is or with what the editor sent."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show_trial(self.find_rule(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show_trial(self.find_rule(pk))


class DraftTrial(Trial):
    """Of a rule that is not stored; its address alone says nothing of it."""

    read_by = WRITERS

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("new-rule")

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.show_trial(None)


class TrialProgress(Page):
    """How far a trial has come that a worker does; HTMX asks until it is over."""

    section = "rules"

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        job = find_job(token, by=self.me)
        if job is None:
            gone = _("The trial is not known any more; start it again.")
            return self.show("rules/trial_result.html", {"errors": [("", gone)]})
        return self.show("rules/trial_result.html", _progress(token, job))


class Why(Trial):
    """Why a rule did not fire: the form, and the answer node by node."""

    def show_why(self, rule: Rule | None) -> HttpResponse:
        context = {
            "rule": rule,
            "asked": self.data,
            "at": _shown(self.data.get("at") or ""),
            "why_address": self.request.path,
            "draft": self.data.get("draft", ""),
            **(self._answer(rule) if self.data.get("vehicle_id") else {}),
        }
        return self.show("rules/why_answer.html" if self.part() == "why" else "rules/why.html", context)

    def _answer(self, rule: Rule | None) -> dict[str, Any]:
        try:
            vehicle = seen_vehicle(self.me, self.data["vehicle_id"].strip())
            asked = self._asked(rule)
            told = why(asked, vehicle, _moment(self.data.get("at") or ""))
        except ValidationError as error:
            return {"errors": _faults(error)}
        except NotFound as error:
            return {"errors": [("", str(error.detail))]}
        except Refused as error:
            return {"errors": [("", error.detail)]}
        return {"told": _with_times(told), "is_stored": bool(asked.pk)}

    def _asked(self, rule: Rule | None) -> Rule:
        values = self.draft
        if values is None and rule is not None:
            return rule
        return read_draft(values or {}, by=self.me, origin=rule, vehicles=()).rule


class RuleWhy(Why):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show_why(self.find_rule(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show_why(self.find_rule(pk))


class DraftWhy(Why):
    read_by = WRITERS

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("new-rule")

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.show_why(None)


def _progress(token: str, job: Job) -> dict[str, Any]:
    if job.errors is not None:
        return {"errors": _faults(ValidationError(dict(job.errors)))}
    if job.told is not None:
        return {"figures": figures_of(job.told)}
    if job.is_lost:
        return {"errors": [("", why_lost(job))]}
    return {"token": token, "share": round(job.share * 100), "is_waiting": job.state == "waiting"}


def _faults(error: ValidationError) -> list[tuple[str, str]]:
    """By path, which says nothing where the whole is at fault."""
    if hasattr(error, "error_dict"):
        return [
            ("" if path in ("body", "__all__") else path, text)
            for path, texts in error.message_dict.items()
            for text in texts
        ]
    return [("", text) for text in error.messages]


def _moment(text: str) -> datetime:
    """A time of the person's clock, or any with an offset; now where there is none."""
    if not text:
        return timezone.now()
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+"))
        return at if at.tzinfo else timezone.make_aware(at)
    except (ValueError, OverflowError) as error:
        told = _("“%(text)s” is not a time such as 2026-11-21T08:00.")
        raise ValidationError(told % {"text": text[:40]}) from error


def _shown(text: str) -> str:
    """As a browser's input takes it, in the person's time zone."""
    try:
        return timezone.localtime(_moment(text)).strftime(MOMENT)
    except (ValidationError, OverflowError):
        return ""


def _with_times(told: dict[str, Any]) -> dict[str, Any]:
    """The answer with times as the page's filters take them."""
    times = {
        name: datetime.fromisoformat(told[name]) if told[name] else None
        for name in ("at", "heard_at", "true_since")
    }
    nodes = [{**node, "values": _values(node["values"])} for node in told["nodes"]]
    checks = [{**check, "told": _as_people_read(check["told"])} for check in told["checks"]]
    return {**told, **times, "nodes": nodes, "checks": checks}


def _as_people_read(text: str) -> str:
    return TIME.sub(lambda found: exact(datetime.fromisoformat(found[0])), text)


def _values(values: Mapping[str, Any]) -> list[tuple[str, Any, datetime | None]]:
    return [
        (name, held["value"], datetime.fromisoformat(held["at"]) if held["at"] else None)
        for name, held in values.items()
    ]
