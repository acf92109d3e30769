"""Pages' answers, as tests read them."""

from typing import Any


def text_of(answer: Any) -> str:
    return answer.content.decode()
