"""If-Match: a write happens only to what its sender has seen."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.tests.people import People
from api_pattern.exceptions import PreconditionFailed
from api_pattern.matching import check_match


@pytest.mark.django_db(transaction=True)
def test_of_many_writes_with_one_tag_exactly_one_happens():
    people = People.make()
    path = "/api/v1/fleet/fleet-north"
    tag = people.client("administrator").get(path)["ETag"]
    clients = [people.client("administrator") for _ in range(6)]

    def write(number: int) -> int:
        try:
            body = {"fleet_name": f"Name {number}"}
            return clients[number].patch(path, body, headers={"If-Match": tag}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        codes = sorted(threads.map(write, range(6)))
    assert codes == [200, 412, 412, 412, 412, 412]


@pytest.mark.parametrize("wanted", ['"a"', 'W/"a"', '"b", "a"', "*", '"b",W/"a"'])
def test_a_tag_is_met_in_every_way_that_it_is_written(wanted):
    check_match(wanted, '"a"')


@pytest.mark.parametrize("wanted", ["", "a", '"A"', '"b"', "W/", '"a'])
def test_another_tag_is_refused(wanted):
    with pytest.raises(PreconditionFailed):
        check_match(wanted, '"a"')


@pytest.mark.django_db
def test_a_tag_changes_with_the_answer_and_only_then():
    client = People.make().client("administrator")
    path = "/api/v1/fleet/fleet-north"
    first = client.get(path)["ETag"]
    assert client.get(path)["ETag"] == first
    changed = client.patch(path, {"fleet_name": "Other"})
    assert changed["ETag"] != first
    assert client.get(path)["ETag"] == changed["ETag"]


@pytest.mark.django_db
def test_a_thing_that_is_gone_is_not_found_whatever_the_tag():
    answer = People.make().client("administrator").delete("/api/v1/fleet/nowhere", headers={"If-Match": "*"})
    assert answer.status_code == 404
