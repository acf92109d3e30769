"""What each page answers to each role: the columns are those of ``fence_table``.

Keys have no pages: to them, as to anybody who is not logged in, a page answers with the login. Forms are sent
empty: 422 is an answer that the role may have.
"""

#                             anon  oper  mana  admi  stra  keys
EVERYBODY =                  "302 200 200 200 200 302 302 302 302"  # fmt: skip
WRITERS_ACT =                "302 403 302 302 404 302 302 302 302"  # fmt: skip
WHO_SEES_IT =                "302 200 200 200 404 302 302 302 302"  # fmt: skip
ADMINISTRATORS =             "302 403 403 200 403 302 302 302 302"  # fmt: skip
ADMINISTRATORS_SEND =        "302 403 403 422 403 302 302 302 302"  # fmt: skip
WRITERS =                    "302 403 200 200 200 302 302 302 302"  # fmt: skip
WRITERS_WHO_SEE_IT =         "302 403 200 200 404 302 302 302 302"  # fmt: skip
EVERYBODY_ACTS =             "302 302 302 302 302 302 302 302 302"  # fmt: skip
WRITERS_SEND =               "302 403 422 422 422 302 302 302 302"  # fmt: skip
ADMINISTRATORS_ACT =         "302 403 403 302 403 302 302 302 302"  # fmt: skip
WRITERS_SEND_WHAT_THEY_SEE = "302 403 422 422 404 302 302 302 302"  # fmt: skip
WRITERS_ACT_ON_LISTS =       "302 403 302 302 302 302 302 302 302"  # fmt: skip
EVERYBODY_SENDS =            "302 422 422 422 422 302 302 302 302"  # fmt: skip
WHO_SEES_IT_ACTS =           "302 302 302 302 404 302 302 302 302"  # fmt: skip

PAGES: dict[str, str] = {
    "GET /": EVERYBODY,
    "GET /archives": ADMINISTRATORS,
    "POST /archives": ADMINISTRATORS_ACT,
    "POST /columns/{table}": EVERYBODY_ACTS,
    "GET /customers": EVERYBODY,
    "GET /customers.csv": EVERYBODY,
    "GET /customers/new": WRITERS,
    "POST /customers/new": WRITERS_SEND,
    "GET /customers/{pk}": WHO_SEES_IT,
    "POST /customers/{pk}/delete": WRITERS_ACT,
    "GET /customers/{pk}/edit": WRITERS_WHO_SEE_IT,
    "POST /customers/{pk}/edit": WRITERS_SEND_WHAT_THEY_SEE,
    "POST /customers/{pk}/vehicles": WRITERS_ACT,
    "GET /files": EVERYBODY,
    "POST /files": WRITERS_ACT_ON_LISTS,
    "GET /files/templates/{kind}.csv": EVERYBODY,
    "GET /files/{pk}": WHO_SEES_IT,
    "POST /files/{pk}/apply": WRITERS_ACT,
    "POST /files/{pk}/cancel": WRITERS_ACT,
    "GET /files/{pk}/events": WHO_SEES_IT,
    "POST /files/{pk}/events": " ".join(["405"] * 9),
    "GET /files/{pk}/row": WHO_SEES_IT,
    "GET /firings": EVERYBODY,
    "GET /firings/{pk}": WHO_SEES_IT,
    "POST /firings/{pk}/actions/{index}/retry": WRITERS_ACT,
    "GET /fleets": ADMINISTRATORS,
    "GET /fleets/{fleet_id}": ADMINISTRATORS,
    "POST /fleets/{fleet_id}": ADMINISTRATORS_SEND,
    "POST /fleets/{fleet_id}/delete": ADMINISTRATORS_ACT,
    "POST /fleets/{fleet_id}/retention": ADMINISTRATORS_ACT,
    "GET /keys": ADMINISTRATORS,
    "GET /keys/new": ADMINISTRATORS,
    "POST /keys/new": ADMINISTRATORS_SEND,
    "POST /keys/{pk}/revoke": ADMINISTRATORS_ACT,
    "GET /login": "200 302 302 302 302 200 200 200 200",
    "POST /login": " ".join(["401"] * 9),
    "POST /logout": EVERYBODY_ACTS,
    "GET /new-fleet": ADMINISTRATORS,
    "POST /new-fleet": ADMINISTRATORS_SEND,
    "GET /new-vehicle": WRITERS,
    "POST /new-vehicle": WRITERS_SEND,
    "GET /parked": ADMINISTRATORS,
    "POST /parked": ADMINISTRATORS_ACT,
    "GET /people": ADMINISTRATORS,
    "GET /people/new": ADMINISTRATORS,
    "POST /people/new": ADMINISTRATORS_SEND,
    "GET /people/{pk}": ADMINISTRATORS,
    "POST /people/{pk}": ADMINISTRATORS_SEND,
    "POST /people/{pk}/delete": ADMINISTRATORS_ACT,
    "GET /picks/{thing}": EVERYBODY,
    "GET /profile": EVERYBODY,
    "POST /profile": EVERYBODY_SENDS,
    "POST /profile/password": EVERYBODY_SENDS,
    "GET /reports": EVERYBODY,
    "GET /reports/charts": EVERYBODY,
    "GET /reports/performance.csv": EVERYBODY,
    "GET /reports/scores": EVERYBODY,
    "GET /reports/scores.csv": EVERYBODY,
    "GET /rules": EVERYBODY,
    "GET /rules/new": WRITERS,
    "GET /rules/{pk}": WHO_SEES_IT,
    "POST /rules/{pk}/delete": WRITERS_ACT,
    "POST /rules/{pk}/duplicate": WRITERS_ACT,
    "POST /rules/{pk}/switch": WRITERS_ACT,
    "GET /search": EVERYBODY,
    "GET /tasks": EVERYBODY,
    "POST /tasks": EVERYBODY_ACTS,
    "GET /tasks.csv": EVERYBODY,
    "GET /tasks/new": WRITERS,
    "POST /tasks/new": WRITERS_SEND,
    "GET /tasks/{pk}": WHO_SEES_IT,
    "POST /tasks/{pk}/cancel": WHO_SEES_IT_ACTS,
    "POST /tasks/{pk}/comments": WHO_SEES_IT.replace("200", "422"),
    "POST /tasks/{pk}/complete": WHO_SEES_IT_ACTS,
    "POST /tasks/{pk}/delete": WRITERS_ACT,
    "GET /tasks/{pk}/edit": WRITERS_WHO_SEE_IT,
    "POST /tasks/{pk}/edit": WRITERS_SEND_WHAT_THEY_SEE,
    "GET /trips": EVERYBODY,
    "GET /trips.csv": EVERYBODY,
    "GET /trips/{trip_id}": WHO_SEES_IT,
    "POST /trips/{trip_id}/score": WRITERS_ACT,
    "GET /vehicles": EVERYBODY,
    "POST /vehicles": WRITERS_ACT_ON_LISTS,
    "GET /vehicles.csv": EVERYBODY,
    "GET /vehicles/{vehicle_id}": WHO_SEES_IT,
    "POST /vehicles/{vehicle_id}/customer": WRITERS_ACT,
    "POST /vehicles/{vehicle_id}/delete": WRITERS_ACT,
    "GET /vehicles/{vehicle_id}/edit": WRITERS_WHO_SEE_IT,
    "POST /vehicles/{vehicle_id}/edit": WRITERS_WHO_SEE_IT.replace("200 200", "422 302"),
    "GET /vehicles/{vehicle_id}/status": WRITERS_WHO_SEE_IT,
    "POST /vehicles/{vehicle_id}/status": WRITERS_ACT,
}
