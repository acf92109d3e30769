"""Every list refuses a filter's value that it does not understand, rather than answer with everything."""

import pytest

from accounts.tests.people import People

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "query",
    [
        "vehicles?has_customer=maybe",
        "rules?enabled=maybe",
        "rules?everything=2",
        "users?is_active=maybe",
        "tasks?overdue=maybe",
        "rules?enabled=100%25 sure",
        "vehicles?updated_after=a%25b",
        "vehicles?status=%25s",
    ],
)
def test_a_filter_that_is_not_understood_is_refused(query):
    answer = People.make().client("administrator").get(f"/api/v1/{query}")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [query.partition("?")[2].partition("=")[0]]
