"""Overview, customers, search, profile and the login."""

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import PASSWORD
from customer_management.models import Customer
from dashboard.tests.answers import text_of
from task_management.tests.factories import TaskFactory
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- the entrance


def test_a_login_leads_to_where_one_wanted_and_never_elsewhere(client, world):
    who = {"email": world.people.manager.email, "password": PASSWORD}
    assert client.post("/login", {**who, "next": "/tasks?overdue=true"}).url == "/tasks?overdue=true"
    client.logout()
    assert client.post("/login", {**who, "next": "https://evil.example/"}).url == "/"


def test_wrong_passwords_are_counted_as_the_api_counts_them(client, world, settings):
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 2
    wrong = {"email": world.people.manager.email, "password": "wrong"}
    assert [client.post("/login", wrong).status_code for _try in range(3)] == [401, 401, 429]
    assert client.post("/login", {**wrong, "password": PASSWORD}).status_code == 429


def test_a_person_who_is_not_active_does_not_get_in(client, world):
    User.objects.filter(pk=world.people.manager.pk).update(is_active=False)
    answer = client.post("/login", {"email": world.people.manager.email, "password": PASSWORD})
    assert answer.status_code == 401


def test_logging_out_ends_the_session(page):
    assert page.post("/logout").url == "/login"
    assert page.get("/").url.startswith("/login")


def test_a_profile_is_saved(page, world):
    page.post("/profile", {"name": "Mira", "time_zone": "Asia/Tokyo", "units": "IMPERIAL"})
    world.people.manager.refresh_from_db()
    assert (world.people.manager.name, world.people.manager.time_zone) == ("Mira", "Asia/Tokyo")


def test_a_new_password_ends_other_logins_and_keeps_this_one(page, client, world):
    other = type(client)()
    other.force_login(world.people.manager)
    new = "An0ther-strong-one!"
    answer = page.post("/profile/password", {"old_password": "no", "password": new, "again": new})
    assert answer.status_code == 422
    page.post("/profile/password", {"old_password": PASSWORD, "password": new, "again": new})
    assert page.get("/").status_code == 200
    assert other.get("/").status_code == 302


# ---------------------------------------------------------------- overview


def test_the_overview_counts_what_one_sees_and_links_to_it(page, world):
    TaskFactory(vehicle=world.vehicle, due_at=timezone.now() - timezone.timedelta(days=1))
    TaskFactory(vehicle=VehicleFactory(fleet=world.people.south), title="southern")
    shown = text_of(page.get("/"))
    assert "/tasks?overdue=true" in shown
    assert "<strong>1</strong> overdue task<" in shown
    assert "southern" not in shown
    assert 'href="/vehicles?status=IDLE"' in shown


def test_an_empty_installation_has_an_overview(client, world):
    client.force_login(world.people.stranger)
    assert client.get("/").status_code == 200


# ---------------------------------------------------------------- customers


def test_a_customer_shows_its_vehicles_and_open_tasks(page, world):
    shown = text_of(page.get(f"/customers/{world.customer.pk}"))
    assert world.vehicle.vehicle_id in shown
    assert world.other_vehicle.vehicle_id not in shown
    assert world.task.title in shown


def test_pasted_ids_attach_all_or_nothing(page, world):
    path = f"/customers/{world.customer.pk}/vehicles"
    wrong = f"{world.other_vehicle.vehicle_id}\nnowhere"
    answer = page.post(path, {"action": "attach", "vehicle_ids": wrong}, follow=True)
    assert "nowhere" in text_of(answer)
    assert world.customer.vehicles.count() == 1
    page.post(path, {"action": "attach", "vehicle_ids": world.other_vehicle.vehicle_id})
    assert world.customer.vehicles.count() == 2
    page.post(path, {"action": "detach", "selected": [world.vehicle.pk]})
    assert list(world.customer.vehicles.all()) == [world.other_vehicle]


def test_a_customer_is_made_edited_and_deleted(page):
    made = page.post("/customers/new", {"name": "Harbour", "external_id": "H-1"}).url
    customer = Customer.objects.get(name="Harbour")
    assert made == f"/customers/{customer.pk}"
    answer = page.post("/customers/new", {"name": "Twin", "external_id": "H-1"})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"external_id"}
    page.post(f"{made}/edit", {"name": "Harbour & Sons"})
    customer.refresh_from_db()
    assert customer.name == "Harbour & Sons"
    page.post(f"{made}/delete")
    assert page.get(made).status_code == 404


# ---------------------------------------------------------------- search


@pytest.mark.parametrize("text", ["VH-001", "City of North", "Change the oil", "fleet.csv"])
def test_the_search_finds_each_kind_of_thing(page, text):
    part = text_of(page.get("/search", {"q": text}, headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert "href=" in part


def test_the_search_finds_nothing_of_others(client, world):
    client.force_login(world.people.stranger)
    shown = text_of(client.get("/search", {"q": "north"}, headers={"HX-Request": "true"}))
    assert "href=" not in shown


@pytest.mark.parametrize("text", ["", " ", "\x00", "%", "\\", "a" * 1000])
def test_the_search_takes_any_text(page, text):
    assert page.get("/search", {"q": text}).status_code == 200


@pytest.mark.parametrize("thing", ["customers", "vehicles", "people", "tasks"])
def test_inputs_suggest_what_one_sees(page, client, world, thing):
    asked = {"q": "o"}
    assert "data-value" in text_of(page.get(f"/picks/{thing}", asked))
    client.force_login(world.people.stranger)
    if thing != "people":
        assert "data-value" not in text_of(client.get(f"/picks/{thing}", asked))


def test_chosen_columns_stay_with_the_session(page):
    page.post("/columns/vehicles", {"columns": ["vin"], "back": "/vehicles"})
    shown = text_of(page.get("/vehicles"))
    assert "ordering=vin" in shown
    assert "ordering=odometer_km" not in shown


@pytest.mark.parametrize("path", ["/", "/vehicles", "/customers", "/profile"])
def test_no_page_has_inline_script_or_style(page, path):
    answer = page.get(path)
    shown = text_of(answer)
    assert " style=" not in shown
    assert " onclick=" not in shown
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert shown.count("<script>") == 0
