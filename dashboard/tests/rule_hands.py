"""A person's hands on the rule editor, and a rule with a condition of every kind."""

from playwright.sync_api import expect

OVER = {"field": "odometer_km", "operator": "gt", "value": 10_000}
EVERY_KIND = {
    "any": [
        {"field": "speed_kmh", "operator": "gt", "value": {"field": "odometer_km", "plus": -5}},
        {"field": "status", "operator": "changed", "value": {"to": "IDLE"}},
        {"field": "status", "operator": "changed"},
        {"field": "fuel_pct", "operator": "fell_by", "value": 12.5},
        {"field": "plate", "operator": "matches", "value": "^HH-[0-9]+"},
        {"often": {"lasts": {"not": OVER}, "seconds": 90}, "times": 3, "seconds": 5_400},
        {
            "not": {
                "lasts": {"any": [OVER, {"not": {"often": OVER, "times": 2, "seconds": 60}}]},
                "seconds": 7,
            }
        },
        {"silent": 1_800},
        {"outside": {"polygon": [[53.5, 9.9], [53.6, 9.9], [53.6, 10.1]], "name": "harbour"}},
        {"inside": {"circle": {"latitude": 53.5, "longitude": 10, "radius_m": 250}}},
        {"hours": {"from": "22:00", "to": "06:00", "weekdays": ["fri", "sat"], "time_zone": "Europe/Berlin"}},
        {"hours": {"from": "08:00", "to": "16:30"}},
        {"due": {"every_km": 10_000, "ahead_km": 500, "every_months": 12, "ahead_days": 14}},
    ]
}


def sentence(tab):
    return tab.get_by_test_id("rule-sentence")


def row(tab, place):
    return tab.locator(".rule-row").nth(place)


def compare(tab, place, field, operator, value=None):
    row(tab, place).locator("[data-field]").fill(field)
    row(tab, place).locator("[data-operator]").select_option(operator)
    if value is not None:
        row(tab, place).locator("[data-value]").fill(value)


def save(tab):
    tab.get_by_test_id("rule-save-btn").click()


def menu(place, label, item):
    place.get_by_label(label).last.click()
    place.get_by_role("button", name=item).last.click()


def add_other(tab, kind):
    pattern = tab.locator("[data-part=pattern]")
    pattern.get_by_label("Add other").last.click()
    pattern.locator(f"[data-menu={kind}]").last.click()


def is_drawn(tab):
    """Where no graphics card helps, a map takes its time."""
    expect(tab.locator(".rule-map[data-ready]")).to_be_visible(timeout=30_000)
