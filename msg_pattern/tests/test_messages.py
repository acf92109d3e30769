import pytest

from msg_pattern.messages import MalformedMessage, Message, MessageType


def test_a_message_comes_back_as_it_went():
    sent = Message(MessageType.READING, {"vehicle_id": "VH-1", "speed_kmh": 50})
    assert Message.from_json(sent.to_json()) == sent


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b'{"vehicle_id": "VH-1", "speed_kmh": 50}', {"vehicle_id": "VH-1", "speed_kmh": 50}),
        (b'[{"vehicle_id": "VH-1"}]', [{"vehicle_id": "VH-1"}]),
        (b'{"data": [{"vehicle_id": "VH-1"}]}', [{"vehicle_id": "VH-1"}]),
        (b'{"vehicle_id": "VH-1", "data": 5}', {"vehicle_id": "VH-1", "data": 5}),
    ],
)
def test_bare_data_is_taken_as_a_reading(raw, data):
    message = Message.from_json(raw)
    assert (message.type, message.data) == (MessageType.READING, data)


@pytest.mark.parametrize("raw", [b"", b"{", b"5", b'"text"', b"null", b"\xff"])
def test_what_is_no_message_is_refused_with_a_sentence(raw):
    with pytest.raises(MalformedMessage, match=r"\.$"):
        Message.from_json(raw)
