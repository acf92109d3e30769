"""Pages: the envelope, its limits, and a next page that goes on from the last row."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Fleet
from accounts.tests.factories import FleetFactory
from accounts.tests.people import People
from api_pattern.pagination import Envelope

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    people = People.make()
    Fleet.all_objects.all().delete()
    return people.client("administrator")


@pytest.fixture
def _twelve(admin):
    for number in range(12):
        FleetFactory(fleet_id=f"f{number:02}", fleet_name=f"name {number % 3}")


def walk(client, address):
    while address:
        page = client.get(address).json()
        yield page
        address = page["next"]


def ids(page):
    return [row["fleet_id"] for row in page["data"]]


@pytest.mark.usefixtures("_twelve")
def test_a_list_answers_the_envelope(admin):
    page = admin.get("/api/v1/fleet?limit=5").json()
    assert page.keys() == {"data", "total", "page", "limit", "next", "previous"}
    assert (page["total"], page["page"], page["limit"], page["previous"]) == (12, 1, 5, None)
    assert ids(page) == ["f00", "f01", "f02", "f03", "f04"]
    assert parse_qs(urlsplit(page["next"]).query)["page"] == ["2"]


def test_the_default_limit_is_50_and_an_empty_list_has_no_neighbours(admin):
    page = admin.get("/api/v1/fleet").json()
    assert page == {"data": [], "total": 0, "page": 1, "limit": 50, "next": None, "previous": None}


@pytest.mark.usefixtures("_twelve")
@pytest.mark.parametrize(
    "ordering", ["fleet_id", "-fleet_id", "fleet_name", "-fleet_name,fleet_id", "-created_at"]
)
def test_walking_along_next_meets_every_row_once_in_order(admin, ordering):
    address = f"/api/v1/fleet?limit=5&ordering={ordering}"
    pages = list(walk(admin, address))
    assert [page["page"] for page in pages] == [1, 2, 3]
    walked = [one for page in pages for one in ids(page)]
    assert walked == ids(admin.get(f"/api/v1/fleet?ordering={ordering}").json())
    assert len(set(walked)) == 12
    assert pages[-1]["next"] is None
    assert ids(admin.get(pages[-1]["previous"]).json()) == ids(pages[1])


@pytest.mark.usefixtures("_twelve")
def test_next_skips_no_row_when_rows_before_it_go(admin):
    first = admin.get("/api/v1/fleet?limit=5").json()
    Fleet.objects.filter(fleet_id__in=["f00", "f01"]).delete()
    assert ids(admin.get(first["next"]).json()) == ["f05", "f06", "f07", "f08", "f09"]


@pytest.mark.usefixtures("_twelve")
def test_following_next_neither_counts_nor_skips_rows(admin):
    first = admin.get("/api/v1/fleet?limit=5").json()
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(first["next"]).json()
    fleets = [query["sql"] for query in queries if 'FROM "accounts_fleet"' in query["sql"]]
    assert len(fleets) == 1
    assert "OFFSET" not in fleets[0]
    assert page["total"] == 12


@pytest.mark.usefixtures("_twelve")
def test_a_page_past_the_end_is_empty(admin):
    page = admin.get("/api/v1/fleet?page=99&limit=5").json()
    assert (page["data"], page["total"], page["next"]) == ([], 12, None)


@pytest.mark.usefixtures("_twelve")
def test_far_pages_skip_keys_and_answer_the_same(admin, monkeypatch):
    near = ids(admin.get("/api/v1/fleet?page=3&limit=4&ordering=-fleet_id").json())
    monkeypatch.setattr("api_pattern.pagination.SKIPPED_WITH_ROWS", 1)
    assert ids(admin.get("/api/v1/fleet?page=3&limit=4&ordering=-fleet_id").json()) == near


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "page=0", "page=x", "page=1.5", "page=١",
     "page=99999999999", "after=x", "after=%00", "after=W10", "ordering=shoe", "ordering=-", "made=up",
     "created_at=x", "fleet_name=%00"],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_refused_by_name(admin, query):
    answer = admin.get(f"/api/v1/fleet?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"].keys() == {query.split("=")[0]}


@pytest.mark.usefixtures("_twelve")
def test_a_next_of_another_ordering_is_refused(admin):
    address = admin.get("/api/v1/fleet?limit=5").json()["next"]
    assert admin.get(f"{address}&ordering=-fleet_id").status_code == 422


def test_sequences_are_paged_alike(rf):
    class Request:
        query_params = {"page": "2", "limit": "4"}

    pages = Envelope()
    assert pages.paginate_queryset(range(10), Request()) == [4, 5, 6, 7]
    assert pages.found.total == 10
