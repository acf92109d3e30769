"""A rule's versions: who changed what and when, one of them as it was, and the way back to it. And its secret."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.pages.base import WRITERS, Page
from dashboard.rule_history import Words, limits_in_words, told_actions
from rules.exceptions import RuleIsNotYours
from rules.models import Rule, RuleVersion
from rules.scope import editable_by
from rules.services import renew_secret, return_to_version, secret_of
from rules.versions import cut_to_sight, version_of, versions_of

MOST_VERSIONS = 20


class OfVersions(Page):
    section = "rules"

    def rule(self, pk: int) -> Rule:
        return get_object_or_404(
            Rule.objects.visible_to(self.me).select_related("created_by", "created_by_key"), pk=pk
        )

    def version(self, rule: Rule, number: int) -> RuleVersion:
        version = version_of(rule, number) if number < 2**31 else None
        if version is None:
            raise Http404(_("The rule has no version %(n)d.") % {"n": number})
        return version

    def told(self, versions: list[RuleVersion]) -> list[dict[str, Any]]:
        """Each of them but what is only compared with, with its differences; ``versions`` newest first."""
        cut_to_sight(versions, by=self.me)
        words = Words([one.definition for one in versions], self.me)
        earlier = {one.number: one.definition for one in versions}
        return [
            {
                "version": one,
                "differences": words.differences(
                    one.changed, earlier.get(one.number - 1, {}), one.definition
                ),
            }
            for one in versions
        ]


class RuleVersions(OfVersions):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = self.rule(pk)
        found, before = versions_of(rule), request.GET.get("before", "")
        if before.isdecimal() and len(before) < 10 and not isinstance(found, list):
            found = found.filter(number__lt=int(before))
        # One more, which the last one is compared with.
        versions = list(found[: MOST_VERSIONS + 1])
        context = {
            "rule": rule,
            "told": self.told(versions)[:MOST_VERSIONS],
            "older": versions[MOST_VERSIONS - 1].number if len(versions) > MOST_VERSIONS else None,
            "is_editable": editable_by(rule, self.me),
        }
        return self.show("rules/versions.html", context)


class RuleVersionPage(OfVersions):
    def get(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        rule = self.rule(pk)
        version = self.version(rule, number)
        before = version_of(rule, number - 1)
        told = self.told([one for one in (version, before) if one])[0]
        definition = version.definition
        words = Words([definition], self.me)
        context = {
            "rule": rule,
            "told": told,
            "version": version,
            "definition": definition,
            "sentence": words.sentence(definition.get("pattern")),
            "scope": words.scope(definition.get("scope", {})),
            "limits": limits_in_words(definition),
            "told_actions": told_actions(definition.get("actions", ())),
            "is_editable": editable_by(rule, self.me),
        }
        return self.show("rules/version.html", context)


class ReturnToVersion(OfVersions):
    """Make a version the present one again."""

    def post(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        rule = self.rule(pk)
        version = self.version(rule, number)
        try:
            changed = return_to_version(rule, version, by=self.me)
        except (RuleIsNotYours, ValidationError) as error:
            return self.refuse(reverse("rule-versions-page", args=[pk]), error)
        told = (
            _("The rule says again what it said as version %(n)d.")
            if changed.version != rule.version
            else _("The rule says the same as version %(n)d already.")
        )
        return self.go(reverse("rule", args=[pk]), told % {"n": number})


class RuleSecret(OfVersions):
    """What its webhooks are signed with: shown when it is asked for, and made anew."""

    read_by = WRITERS

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = self.rule(pk)
        return self._show(rule, secret_of(rule, by=self.me))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = self.rule(pk)
        try:
            rule = renew_secret(rule, by=self.me)
        except RuleIsNotYours as error:
            return self.refuse(reverse("rule", args=[pk]), error)
        if self.part() != "webhook-secret":
            return self.go(reverse("rule", args=[pk]), _("The webhooks have a new secret from now on."))
        return self._show(rule, rule.webhook_secret, is_new=True)

    def _show(self, rule: Rule, secret: str, *, is_new: bool = False) -> HttpResponse:
        shown = self.show("rules/secret.html", {"rule": rule, "secret": secret, "is_new": is_new})
        shown["Cache-Control"] = "no-store"
        return shown
