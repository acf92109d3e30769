"""JSON of whatever came in as JSON: quickly, and also where a number or a depth is beyond what is quick."""

import json
from typing import Any

import orjson


def packed(value: Any) -> bytes:
    """``value`` as JSON. orjson refuses integers beyond 64 bits and deep nesting; Python's own takes longer."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
