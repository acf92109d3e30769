"""Which rows of a table somebody ticked."""

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

MOST_AT_ONCE = 10_000


def chosen(request: HttpRequest, filtered: QuerySet, seen: QuerySet) -> list[int]:
    """Primary keys: of the ticked rows, or of all that the filters find. Raises ValidationError."""
    if request.POST.get("all") == "1":
        pks = list(filtered.order_by().values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    else:
        ticked = [text for text in request.POST.getlist("selected") if text.isdecimal() and len(text) < 19]
        pks = list(seen.filter(pk__in=map(int, ticked[: MOST_AT_ONCE + 1])).values_list("pk", flat=True))
    if not pks:
        raise ValidationError(_("Nothing was ticked; tick the rows that you mean."))
    if len(pks) > MOST_AT_ONCE:
        told = _("More than %(most)d rows are meant; narrow the filter, or change them by a file.")
        raise ValidationError(told % {"most": MOST_AT_ONCE})
    return pks
