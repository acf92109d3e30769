"""What each page answers to each person; for a key, which has no session, a page is as for nobody.

A row names what GET and what POST (of an empty form) answer: to nobody, to operator, manager and administrator of
the northern fleet, and to the stranger who manages the southern one. 302 is the way to the log-in for who is not
logged in, and the way back after a POST for who is.
"""

#         anon  oper  mana  admi  stra
MEMBERS = "302   200   200   200   200"
SEEN    = "302   200   200   200   404"  # fmt: skip
WRITERS = "302   403   200   200   200"
EDITORS = "302   403   200   200   404"
DONE    = "302   403   302   302   404"  # fmt: skip
ANYONE  = "200   200   200   200   200"  # fmt: skip
CHIEFS  = "302   403   403   200   403"  # fmt: skip
NOT_GET = "302   403   405   405   405"
NEITHER = "405   405   405   405   405"

ROWS: dict[str, tuple[str, str]] = {
    "/": (MEMBERS, MEMBERS),
    "/search": (MEMBERS, MEMBERS),
    "/login": (ANYONE, ANYONE.replace("200", "401")),
    "/logout": (NEITHER, ANYONE.replace("200", "302")),
    "/profile": (MEMBERS, MEMBERS),
    "/vehicles": (MEMBERS, MEMBERS),
    "/vehicles/new": (WRITERS, WRITERS),
    "/vehicles/attach": (NOT_GET, DONE.replace("404", "302")),
    "/vehicles/{vehicle_id}": (SEEN, SEEN),
    "/vehicles/{vehicle_id}/edit": (EDITORS, EDITORS),
    "/vehicles/{vehicle_id}/status": (EDITORS, EDITORS),
    "/vehicles/{vehicle_id}/delete": (NOT_GET, DONE),
    "/customers": (MEMBERS, MEMBERS),
    "/customers/new": (WRITERS, WRITERS),
    "/customers/{pk}": (SEEN, SEEN),
    "/customers/{pk}/edit": (EDITORS, EDITORS),
    "/customers/{pk}/attach": (NOT_GET, DONE),
    "/customers/{pk}/delete": (NOT_GET, DONE),
    "/files": (MEMBERS, MEMBERS),
    "/files/templates/{kind}.csv": (MEMBERS, MEMBERS),
    "/files/{pk}": (SEEN, SEEN),
    "/files/{pk}/events": (SEEN, SEEN),
    "/files/{pk}/faults/{group}": (SEEN, SEEN),
    "/tasks": (MEMBERS, MEMBERS),
    "/tasks/bulk": (NOT_GET.replace("403", "405"), MEMBERS.replace("200", "302")),
    "/tasks/new": (WRITERS, WRITERS),
    "/tasks/{pk}": (SEEN, SEEN),
    "/tasks/{pk}/edit": (EDITORS, EDITORS),
    "/tasks/{pk}/rules": (NOT_GET, DONE),
    "/tasks/{pk}/{does}": (NOT_GET.replace("403", "405"), SEEN.replace("200", "302")),
    "/rules": (MEMBERS, MEMBERS),
    "/rules/new": (WRITERS, WRITERS),
    "/rules/{pk}": (SEEN, SEEN),
    "/rules/{pk}/{does}": (NOT_GET, DONE),
    "/firings/{pk}": (SEEN, SEEN),
    "/firings/{pk}/retry/{index}": (NOT_GET, DONE),
    "/people": (CHIEFS, CHIEFS),
    "/people/new": (CHIEFS, CHIEFS),
    "/people/{pk}": (CHIEFS, CHIEFS),
    "/people/{pk}/delete": (CHIEFS.replace("200", "405"), CHIEFS.replace("200", "302")),
    "/keys": (CHIEFS, CHIEFS),
    "/keys/new": (CHIEFS, CHIEFS),
    "/keys/{pk}/revoke": (CHIEFS.replace("200", "405"), CHIEFS.replace("200", "302")),
    "/fleets": (CHIEFS, CHIEFS),
    "/fleets/new": (CHIEFS, CHIEFS),
    "/fleets/{pk}": (CHIEFS, CHIEFS),
    "/fleets/{pk}/delete": (CHIEFS.replace("200", "405"), CHIEFS.replace("200", "302")),
}


def _for_keys(row: str) -> str:
    nobody = row[:3]
    return f"{row} {nobody} {nobody} {nobody} {nobody}"


PAGES = {
    f"{method} {path}": _for_keys(row)
    for path, rows in ROWS.items()
    for method, row in zip(("GET", "POST"), rows, strict=True)
}
