"""One trip: its way on the map, its speed and acceleration, its score and how that came about."""

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from dashboard import units
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.trips import is_under_way, trips_seen_by
from dashboard.report_tables import vehicle_link
from dashboard.shown import (
    NOTHING,
    badge,
    exact,
    hours,
    link,
    measure,
    minus,
    number,
    score_level,
    short_number,
)
from telemetry.models import Trip
from telemetry.scoring import BEST, HARSH_BRAKING
from telemetry.trips import score_again

MOST_EVENTS = 200
# A circle whose length is 100 units: a score is drawn as its part.
RADIUS = 15.9155


class TripPage(Page):
    section = "reports"

    def get(self, request: HttpRequest, trip_id: Any) -> HttpResponse:
        trip = get_object_or_404(
            trips_seen_by(self.me).defer(None).defer("body").select_related("vehicle__fleet", "cause"),
            pk=trip_id,
        )
        context = {
            "trip": trip,
            "facts": trip_facts(trip, self.me),
            "sentence": score_sentence(trip),
            "thresholds": thresholds_told(trip),
            "level": "" if trip.safety_score is None else score_level(trip.safety_score),
            "radius": RADIUS,
            "events": [shown_event(one, self.me) for one in trip.events[:MOST_EVENTS]],
            "more_events": max(0, len(trip.events) - MOST_EVENTS),
            "script": script_data(trip, self.me),
            "is_under_way": is_under_way(trip),
            "is_shown": trip.status == Trip.Status.COMPLETED or is_under_way(trip),
            "is_waiting": trip.origin == Trip.Origin.POSTED
            and trip.status in (Trip.Status.PENDING, Trip.Status.PROCESSING),
        }
        return self.show("trips/state.html" if self.part() == "trip-state" else "trips/page.html", context)


class ScoreTripAgain(Page):
    """Try a failed trip once more."""

    written_by = WRITERS

    def post(self, request: HttpRequest, trip_id: Any) -> HttpResponse:
        trip = get_object_or_404(trips_seen_by(self.me), pk=trip_id)
        told = (
            _("The trip is scored again.") if score_again([trip]) else _("The trip has not failed; it stays.")
        )
        return self.go(reverse("trip", args=[trip.pk]), told)


def trip_facts(trip: Any, me: User) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Status"), badge(trip.status, str(trip.get_status_display()))),
        (_("Vehicle"), vehicle_link(trip.vehicle.vehicle_id)),
        (_("Driver"), _driver(trip)),
        (_("Start"), exact(trip.started_at) if trip.started_at else NOTHING),
        (_("End"), exact(trip.ended_at) if trip.ended_at else NOTHING),
        (_("Duration"), hours(trip.duration_s)),
        (_("Distance"), measure(trip.distance_km, "km", me, 1)),
        (_("Average speed"), measure(_average(trip), "km/h", me)),
        (_("Highest speed"), measure(trip.max_speed_kmh, "km/h", me)),
        (_("Samples"), number(trip.samples)),
    ]
    if trip.origin == Trip.Origin.POSTED:
        facts.append((_("Received"), exact(trip.created_at)))
    if trip.scored_at:
        facts.append((_("Scored"), exact(trip.scored_at)))
    if trip.attempts > 1:
        facts.append((_("Attempts"), number(trip.attempts)))
    return [*facts, (_("Id"), format_html('<code class="trip-id">{}</code>', trip.pk))]


def _driver(trip: Trip) -> Any:
    if not trip.driver_id:
        return NOTHING
    return link(f"{reverse('trips')}?range=30d&driver_id={quote(trip.driver_id, safe='')}", trip.driver_id)


def _average(trip: Trip) -> float | None:
    return trip.distance_km / trip.duration_s * 3600 if trip.distance_km and trip.duration_s else None


def score_sentence(trip: Trip) -> str:
    """How the score came about, in one sentence."""
    used = trip.thresholds
    if trip.safety_score is None or not used:
        return _("There is no score: no sample tells an acceleration.") if trip.scored_at else ""
    harsh = trip.harsh_braking_count + trip.rapid_accel_count
    told = {
        "best": number(BEST),
        "penalty": short_number(used["penalty"]),
        "score": short_number(trip.safety_score),
        "braking": _samples(trip.harsh_braking_count),
        "accel": _samples(trip.rapid_accel_count),
        "low": minus(short_number(used["harsh_braking_g"])),
        "high": minus(short_number(used["rapid_accel_g"])),
    }
    if not harsh:
        return (
            _("%(score)s: no sample braked harder than %(low)s g or accelerated by more than %(high)s g.")
            % told
        )
    least = "" if trip.safety_score else _(" (never below 0)")
    sentence = _(
        "%(best)s − %(penalty)s × (%(braking)s below %(low)s g + %(accel)s above %(high)s g) = %(score)s"
    )
    return sentence % told + least + "."


def thresholds_told(trip: Trip) -> str:
    """With which settings it was scored; they may be others by now."""
    if not (used := trip.thresholds):
        return ""
    sentence = _(
        "Scored with: braking below %(low)s g, acceleration above %(high)s g, %(penalty)s points a sample."
    )
    return sentence % {
        "low": minus(short_number(used["harsh_braking_g"])),
        "high": minus(short_number(used["rapid_accel_g"])),
        "penalty": short_number(used["penalty"]),
    }


def _samples(count: int) -> str:
    return ngettext("%(n)s sample", "%(n)s samples", count) % {"n": number(count)}


def shown_event(event: dict[str, Any], me: User) -> dict[str, Any]:
    at = parse_datetime(event["at"]) if event["at"] else None
    is_braking = event["kind"] == HARSH_BRAKING
    return {
        **event,
        "time": at,
        "is_braking": is_braking,
        "label": _("Harsh braking") if is_braking else _("Rapid acceleration"),
        "icon": "tabler-circle-arrow-down" if is_braking else "tabler-circle-arrow-up",
        "tone": "text-red" if is_braking else "text-purple",
        "strength": minus(number(event["g"], 2)),
    }


def script_data(trip: Trip, me: User) -> dict[str, Any]:
    """What trip.js needs beside the track that it fetches."""
    factor, _offset = units.line("km/h", me)
    return {
        "track": f"/api/v1/trips/{trip.pk}/track",
        "zone": me.time_zone,
        "speed_unit": units.shown_unit("km/h", me),
        "speed_scale": factor,
        "thresholds": trip.thresholds,
        "samples": trip.samples,
        "words": {
            "HARSH_BRAKING": _("Harsh braking"),
            "RAPID_ACCEL": _("Rapid acceleration"),
            "g": _("Acceleration"),
            "time": _("Time"),
            "speed": _("Speed"),
            "force": _("Longitudinal acceleration"),
            "lasted": _("Lasted"),
            "samples": _("%s samples"),
            "one_sample": _("%s sample"),
            "sample": _("sample %s"),
            "way": _("The way of this trip"),
            "offline": _("The way of this trip could not be fetched; reload the page to try again."),
            "no_positions": _("This trip came without positions, so there is no way to draw."),
            "no_samples": _("The samples of this trip tell neither speed nor acceleration."),
            "no_webgl": _("This browser has no WebGL for the map: the way is drawn without it."),
        },
    }
