"""The rule editor's own words and sentences, in the person's language."""

from typing import Any

from django.utils.translation import gettext as _

from rules.patterns import OPERATORS


def words() -> dict[str, Any]:
    return {**_tree(), **_rows(), **_place(), **_settings(), **_actions(), **_scope(), **_page()}


def operator_labels() -> dict[str, str]:
    labels = {
        "eq": _("is"),
        "ne": _("is not"),
        "gt": _("is over"),
        "ge": _("is at least"),
        "lt": _("is under"),
        "le": _("is at most"),
        "between": _("is between"),
        "in": _("is one of"),
        "not_in": _("is none of"),
        "contains": _("contains"),
        "starts_with": _("starts with"),
        "ends_with": _("ends with"),
        "matches": _("matches"),
        "is_set": _("is known"),
        "is_not_set": _("is not known"),
        "rose_by": _("rose by over"),
        "fell_by": _("fell by over"),
        "changed": _("changed"),
    }
    return {name: labels[name] for name in OPERATORS}


def kind_names() -> dict[str, str]:
    return {
        "number": _("number"),
        "text": _("text"),
        "boolean": _("yes or no"),
        "time": _("time"),
        "date": _("date"),
    }


def _tree() -> dict[str, Any]:
    return {
        "operators": operator_labels(),
        "moments": {
            "gt": _("is after"),
            "ge": _("is on or after"),
            "lt": _("is before"),
            "le": _("is on or before"),
        },
        "modes": [
            ("all", _("all")),
            ("any", _("any")),
            ("none", _("none")),
            ("not all", _("not all")),
        ],
        "mode": _("How many must be true"),
        "group": _("Group of conditions"),
        "when": _("When"),
        "ends_when": _("Ends when"),
        "of_these": _("of these are true"),
        "add_condition": _("Add condition"),
        "add_group": _("Add group"),
        "add_other": _("Add other"),
        "remove_group": _("Remove this group"),
        "remove_condition": _("Remove this condition"),
        "field": _("Attribute"),
        "field_hint": _("Attribute, such as odometer_km"),
        "operator": _("Comparison"),
        "value": _("Value"),
        "least": _("Least value"),
        "most": _("Most value"),
        "and": _("and"),
        "or": _("or"),
        "yes": _("yes"),
        "no": _("no"),
        "several": _("type a value, then Enter"),
        "anything": _("anything"),
        "change_from": _("from"),
        "change_to": _("to"),
        "refer": _("Compare with another attribute"),
        "other": _("Other attribute"),
        "other_hint": _("such as speed_limit_kmh"),
        "plus": _("Plus"),
        "remove": _("Remove"),
    }


def _rows() -> dict[str, Any]:
    def kind(row: str, label: str, hint: str) -> dict[str, str]:
        return {"row": row, "label": label, "hint": hint}

    return {
        "kinds": {
            "silent": kind(_("No data"), _("No data"), _("It has not reported for so long.")),
            "place": kind(_("Place"), _("Place on the map"), _("Inside or outside a circle or a polygon.")),
            "hours": kind(_("Hours"), _("Hours of the week"), _("Between two times, on some weekdays.")),
            "due": kind(_("Maintenance"), _("Maintenance due"), _("Every so many km or months.")),
        },
        "units": {"s": _("s"), "min": _("min"), "h": _("h"), "d": _("days")},
        "unit": _("unit"),
        "months": _("months"),
        "time_menu": _("How long, how often"),
        "lasts_label": _("Must last"),
        "lasts_hint": _("True without a break for so long."),
        "often_label": _("Must happen often"),
        "often_hint": _("Became true so often within a time."),
        "lasts_for": _("without a break for"),
        "often_at_least": _("at least"),
        "often_times": _("How often"),
        "often_within": _("times within"),
        "remove_wrap": _("Take this away"),
        "silent_for": _("for"),
        "hours_from": _("From"),
        "hours_to": _("to"),
        "next_day": _("next day"),
        "time_zone": _("Time zone"),
        "weekdays": [
            ("mon", _("Mon")),
            ("tue", _("Tue")),
            ("wed", _("Wed")),
            ("thu", _("Thu")),
            ("fri", _("Fri")),
            ("sat", _("Sat")),
            ("sun", _("Sun")),
        ],
        "every": _("every"),
        "every_km": _("Every so far"),
        "every_months": _("Every so many months"),
        "ahead": _("told ahead by"),
        "ahead_km": _("Told so far ahead"),
        "ahead_days": _("Told so many days ahead"),
        "due_note": _(
            "Whichever comes first, since the last task that this rule made and somebody completed; silent "
            "vehicles too."
        ),
    }


def _place() -> dict[str, Any]:
    return {
        "side": _("Inside or outside"),
        "inside": _("is inside"),
        "outside": _("is outside"),
        "place_name": _("Name of the place"),
        "shape": _("Shape"),
        "circle": _("Circle"),
        "polygon": _("Polygon"),
        "map": _("Map on which the place is drawn"),
        "circle_hint": _("Click where its middle is; drag the middle or the rim. Or type the numbers."),
        "polygon_hint": _("Click corner after corner, at least three; drag a corner to move it."),
        "latitude": _("Latitude"),
        "longitude": _("Longitude"),
        "radius": _("Radius"),
        "corner": _("Corner"),
        "add_corner": _("Add corner"),
        "remove_corner": _("Remove corner"),
        "corner_here": _("Corner at the map's middle"),
        "centre_here": _("Put it at the map's middle"),
        "no_webgl": _("This browser cannot draw maps (no WebGL): type the numbers."),
    }


def _settings() -> dict[str, Any]:
    def line(label: str, hint: str) -> dict[str, str]:
        return {"label": label, "hint": hint}

    return {
        "settings": _("When it fires and ends"),
        "own_end": _("It ends by a condition of its own"),
        "own_end_hint": _(
            "So that a value that trembles about its limit fires once: over 80, and it ends at 75."
        ),
        "times": _("times"),
        "setting": {
            "repeat_s": line(
                _("Fire again while it is still true, every"),
                _("Empty: once, and again only after it ended."),
            ),
            "cooldown_s": line(
                _("Rest after a firing, per vehicle"),
                _("So long it does not fire for the same vehicle again."),
            ),
            "cooldown_rule_s": line(
                _("Rest after a firing, for all vehicles"), _("So long it does not fire at all.")
            ),
            "per_day": line(
                _("Most firings a day, per vehicle"), _("Days are those of UTC. Empty: no limit.")
            ),
            "per_day_rule": line(
                _("Most firings a day, all vehicles together"), _("Days are those of UTC. Empty: no limit.")
            ),
            "lateness_s": line(
                _("Wait for late readings"),
                _("It decides so much later, as if all had come in order. Empty: at once."),
            ),
        },
        "short": {
            "end": _("Ends as soon as it is no longer true"),
            "own_end": _("Ends by a condition of its own"),
            "ends": _("Ends %s"),
            "once": _("fires once until then"),
            "repeat_s": _("fires again every %n"),
            "cooldown_s": _("rests %n per vehicle"),
            "cooldown_rule_s": _("rests %n altogether"),
            "per_day": _("at most %n a day per vehicle"),
            "per_day_rule": _("at most %n a day altogether"),
            "lateness_s": _("waits %n for late readings"),
        },
    }


def _actions() -> dict[str, Any]:
    return {
        "remove_action": _("Remove this action"),
        "move_up": _("Move up"),
        "no_actions": _("It does nothing yet: a firing is noted, and that is all. Add what should happen."),
        "more": _("More"),
        "this_rule": _("this rule"),
        "placeholders": _("Placeholders"),
        "placeholders_help": _("A click puts one in where the cursor was; each firing fills in its vehicle's values."),
    }  # fmt: skip


def _scope() -> dict[str, Any]:
    return {
        "everything": _("Everything that I see"),
        "everything_help": _("Every vehicle of your fleets, also those that come later."),
        "chosen": _("What I choose"),
        "chosen_help": _("Fleets, customers, single vehicles, the vehicles of tasks; they add up."),
        "fleets": _("Fleets"),
        "customers": _("Vehicles of customers"),
        "vehicles": _("Vehicles"),
        "tasks": _("Vehicles of open tasks"),
        "search": {
            "customers": _("Find a customer"),
            "vehicles": _("Find by id, plate or VIN"),
            "tasks": _("Find a task"),
        },
        "nothing_found": _("Nothing found"),
    }


def _page() -> dict[str, Any]:
    return {
        "no_sentence": _("Say when it fires: choose an attribute and compare it."),
        "now": {
            "fire": _("Now true for %true of the %watched vehicles that it watches: they fire at once."),
            "skip": _("Now true for %true of the %watched vehicles that it watches: they are skipped."),
            "off": _("Now true for %true of the %watched vehicles that it watches."),
            "none": _("Now true for none of the %watched vehicles that it watches."),
            "nothing": _("It watches no vehicle yet."),
            "part": _("Looked at %looked_at of them."),
        },
        "unfinished": _("Not finished yet: a condition below lacks something."),
        "needs_name": _("A rule needs a name."),
        "to_mend": _("Not saved: %n to mend, each told at its place."),
        "conflict": _("Somebody else changed this rule meanwhile, so yours was not saved."),
        "load_theirs": _("Show theirs"),
        "no_answer": _("The server cannot be reached; nothing typed is lost, save again in a moment."),
        "restored": _("What you had typed here is back."),
        "discard": _("Discard it"),
    }
