"""COPY behind the reading of a file."""

import sys

import pytest
from django.db import DataError, OperationalError, connection, transaction

from feed_processor.copying import CopyingBehind

pytestmark = pytest.mark.django_db
LINES = [str(number) for number in range(50_000)]


@pytest.fixture
def cursor():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE numbers (number integer) ON COMMIT DROP")
        yield cursor


def count() -> int:
    with connection.cursor() as other:
        other.execute("SELECT count(*) FROM numbers")
        return other.fetchone()[0]


def test_another_query_sees_what_was_sent_before_it(cursor):
    with CopyingBehind(cursor) as copying:
        copying.start("COPY numbers FROM STDIN", LINES)
        assert count() == 50_000
        copying.start("COPY numbers FROM STDIN", LINES)
        copying.start("COPY numbers FROM STDIN", LINES)
    assert count() == 150_000


def test_what_is_refused_is_raised_by_the_end_at_the_latest(cursor):
    with pytest.raises(DataError), transaction.atomic(), CopyingBehind(cursor) as copying:
        copying.start("COPY numbers FROM STDIN", ["seven"])
    assert count() == 0


def fail_while_copying(cursor) -> None:
    with transaction.atomic(), CopyingBehind(cursor) as copying:
        copying.start("COPY numbers FROM STDIN", ["seven"])
        raise KeyError


def test_an_error_of_the_caller_is_told_rather_than_that_of_a_copy(cursor):
    with pytest.raises(KeyError):
        fail_while_copying(cursor)
    assert count() == 0


class LostConnection:
    def copy(self, sql):
        raise OperationalError("the server closed the connection")


def test_a_lost_connection_is_told_rather_than_an_error_of_the_caller():
    with pytest.raises(OperationalError):
        fail_while_copying(LostConnection())


def test_threads_take_turns_as_before_when_it_is_over(cursor):
    before = sys.getswitchinterval()
    with CopyingBehind(cursor) as copying:
        copying.start("COPY numbers FROM STDIN", LINES)
    assert sys.getswitchinterval() == before
