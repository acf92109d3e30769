import pytest

from rules.matching import Moment
from rules.nodes import Subject
from rules.patterns import parse
from rules.texts import fill, fill_line, texts_of
from rules.wording import explain, sentence, shown

TABLE = {
    "odometer_km": Subject("odometer_km", "number", ("status.odometer_km",)),
    "status": Subject("status", "text", ("status.status",)),
    "customer_id": Subject("customer_id", "number", ("customer",)),
    "plate": Subject("plate", "text", ("plate",)),
}
OVER = {"field": "odometer_km", "operator": "gt", "value": 10_000}
MOVING = {"field": "status", "operator": "eq", "value": "MOVING"}
HELD = {"status.odometer_km": 10_412.0, "status.status": "MOVING", "plate": None}


def tree(pattern):
    node, errors = parse(pattern, TABLE)
    assert errors == {}
    return node


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (OVER, "When odometer_km is over 10,000"),
        ({"all": [OVER, MOVING]}, "When odometer_km is over 10,000 and status is MOVING"),
        ({"all": [OVER, {"any": [MOVING, OVER]}]},
         "When odometer_km is over 10,000 and (status is MOVING or odometer_km is over 10,000)"),
        ({"not": MOVING}, "When status is not MOVING"),
        ({"not": {"all": [OVER, MOVING]}}, "When not (odometer_km is over 10,000 and status is MOVING)"),
        ({"field": "odometer_km", "operator": "between", "value": [1, 2.5]},
         "When odometer_km is between 1 and 2.5"),
        ({"field": "plate", "operator": "in", "value": ["A 1", "B2"]}, "When plate is one of “A 1”, B2"),
        ({"field": "plate", "operator": "is_not_set"}, "When plate is not known"),
        ({"field": "customer_id", "operator": "eq", "value": 123456}, "When customer_id is 123456"),
    ],
)  # fmt: skip
def test_a_pattern_is_told_as_a_sentence(pattern, told):
    assert sentence(tree(pattern)) == told


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (OVER, "odometer_km was 10,412, which is over 10,000"),
        (MOVING, "status was MOVING"),
        ({"all": [OVER, MOVING]}, "odometer_km was 10,412, which is over 10,000 and status was MOVING"),
        ({"any": [{"not": OVER}, MOVING]}, "status was MOVING"),
        ({"not": {"field": "odometer_km", "operator": "lt", "value": 10_000}},
         "odometer_km was 10,412, which is not under 10,000"),
        ({"field": "plate", "operator": "is_not_set"}, "plate was not known"),
        ({"not": {"all": [OVER, {"not": MOVING}]}}, "status was MOVING"),
    ],
)  # fmt: skip
def test_a_firing_tells_what_made_it_true(pattern, told):
    assert explain(tree(pattern), Moment(HELD)) == told


def test_numbers_are_shown_as_people_write_them():
    assert [shown(n) for n in (9_999, 10_000, 2015.0, 0.25, 1234567.5)] == [
        "9999", "10,000", "2015", "0.25", "1,234,567.5",
    ]  # fmt: skip


def test_texts_take_flat_placeholders_only():
    texts = texts_of({"plate": "AB 1", "odometer_km": 5.0, "next service": 7}, {}, rule="Service")
    assert fill("$rule: $plate, ${next service} km, $odometer_km", texts) == "Service: AB 1, 7 km, 5"
    for trick in (
        "{plate.__class__}",
        "{{ plate }}",
        "${plate.__class__}",
        "$plate.__class__",
        "100 $",
        "$100",
    ):
        assert "class 'str'" not in fill(trick, texts)
    assert fill("$plate.__class__ {rule}", texts) == "AB 1.__class__ {rule}"
    assert fill("$nothing $$5", texts) == "$nothing $5"


def test_what_is_not_known_is_said_to_be_unknown():
    assert fill("$plate $customer", texts_of({"plate": None}, {}, rule="R")) == "unknown unknown"


def test_what_the_pattern_read_is_told_as_it_was():
    texts = texts_of(
        {"odometer_km": 12.0, "wear": 9},
        {"status.odometer_km": 11.0, "status.wear": None, "attributes.wear": 3, "fleet": 4},
        rule="R",
    )
    assert fill("$odometer_km $wear", texts) == "11 3"
    assert "fleet" not in texts


def test_a_subject_stays_one_line():
    texts = {"plate": "A\r\nBcc: evil@example.com"}
    assert fill_line("Late:\n$plate", texts, 40) == "Late: A Bcc: evil@example.com"
    assert fill_line("x" * 50, texts, 40) == "x" * 39 + "…"
