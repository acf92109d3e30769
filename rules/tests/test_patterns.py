import pytest

from rules.nodes import Subject
from rules.patterns import MAX_DEPTH, operators_of, parse

TABLE = {
    "odometer_km": Subject("odometer_km", "number", ("status.odometer_km",)),
    "status": Subject("status", "text", ("status.status",), ("IDLE", "MOVING")),
    "plate": Subject("plate", "text", ("plate",)),
    "leased": Subject("leased", "boolean", ("status.leased", "attributes.leased")),
    "checked_at": Subject("checked_at", "time", ("status.checked_at", "attributes.checked_at")),
    "in_service_date": Subject("in_service_date", "date", ("in_service_date",)),
}


def faults(pattern):
    return parse(pattern, TABLE)[1]


def over(value, field="odometer_km", operator="gt"):
    return {"field": field, "operator": operator, "value": value}


def test_a_wrong_value_is_told_at_its_very_node():
    pattern = {"all": [over(1), {"any": [over("abc")]}]}
    message = "“abc” is not a number; odometer_km is compared with a number such as 10000."
    assert faults(pattern) == {"pattern.all[1].any[0].value": [message]}


def test_every_fault_is_told_at_once():
    pattern = {"any": [over("abc"), over(1, field="odometr_km"), over(True, field="leased")]}
    assert set(faults(pattern)) == {
        "pattern.any[0].value",
        "pattern.any[1].field",
        "pattern.any[2].operator",
    }


def test_an_unknown_field_is_met_with_near_names():
    assert faults(over(1, field="odometr_km"))["pattern.field"] == [
        "“odometr_km” is not an attribute that we know; did you mean odometer_km?"
    ]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (None, "pattern"),
        ([], "pattern"),
        ("odometer_km > 1", "pattern"),
        ({}, "pattern.field"),
        ({"all": []}, "pattern.all"),
        ({"all": {}}, "pattern.all"),
        ({"all": [over(1)], "any": [over(1)]}, "pattern"),
        ({"not": [over(1)]}, "pattern.not"),
        ({**over(1), "colour": 1}, "pattern.colour"),
        ({"field": 1, "operator": "gt", "value": 1}, "pattern.field"),
        ({"field": "odometer_km", "value": 1}, "pattern.operator"),
        ({"field": "odometer_km", "operator": ["gt"], "value": 1}, "pattern.operator"),
        ({"field": "odometer_km", "operator": "gt"}, "pattern.value"),
        (over(True), "pattern.value"),
        (over(float("nan")), "pattern.value"),
        (over(10**400), "pattern.value"),
        (over({}), "pattern.value.field"),
        (over("x", operator="contains"), "pattern.operator"),
        (over("", field="plate", operator="eq"), "pattern.value"),
        (over("a\x00", field="plate", operator="eq"), "pattern.value"),
        (over("\ud800", field="plate", operator="eq"), "pattern.value"),
        (over("x" * 1_001, field="plate", operator="eq"), "pattern.value"),
        (over(1, field="leased", operator="eq"), "pattern.value"),
        (over("moving", field="status", operator="eq"), "pattern.value"),
        (over("2026-01-31T08:00:00", field="checked_at"), "pattern.value"),
        (over("0001-01-01T00:00:00+14:00", field="checked_at"), "pattern.value"),
        (over("31.01.2026", field="in_service_date"), "pattern.value"),
        (over([1], operator="between"), "pattern.value"),
        (over([2, 1], operator="between"), "pattern.value"),
        (over([1, "x"], operator="in"), "pattern.value[1]"),
        (over([], operator="in"), "pattern.value"),
        (over([1] * 1_001, operator="in"), "pattern.value"),
        (over(1, operator="is_set"), "pattern.value"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(pattern, path):
    (message,) = faults(pattern)[path]
    assert message.endswith((".", "?"))
    message.encode()


@pytest.mark.parametrize(
    "pattern",
    [
        over(10_000),
        over([1, 2], operator="between"),
        over(["IDLE"], field="status", operator="in"),
        over("MOV", field="status", operator="starts_with"),
        over(False, field="leased", operator="eq"),
        over("2026-01-31T08:00:00Z", field="checked_at", operator="le"),
        over("2026-01-31", field="in_service_date"),
        {"field": "plate", "operator": "is_set"},
        {"field": "plate", "operator": "is_not_set", "value": None},
        {"not": {"all": [over(1)]}},
    ],
)
def test_what_fits_is_taken(pattern):
    assert faults(pattern) == {}


def test_depth_is_limited():
    pattern = over(1)
    for _ in range(MAX_DEPTH - 1):
        pattern = {"not": pattern}
    assert faults(pattern) == {}
    assert list(faults({"not": pattern})) == ["pattern" + ".not" * MAX_DEPTH]


def test_size_is_limited():
    assert faults({"all": [over(1)] * 99}) == {}
    assert faults({"all": [over(1)] * 100}) == {
        "pattern": ["A pattern has at most 100 conditions and groups; this one has more."]
    }


def test_operators_fit_their_kind():
    assert operators_of("boolean") == ["eq", "ne", "is_set", "is_not_set", "changed"]
    assert "contains" in operators_of("text")
    assert "gt" not in operators_of("text")
