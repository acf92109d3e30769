"""Vehicle identification numbers: how they are written, and their check digit."""

from collections.abc import Sequence

import numpy

LENGTH = 17
CHECK_PLACE = 8
_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
_WEIGHTS = numpy.array((8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2))
_CHECK = numpy.frombuffer(b"0123456789X", dtype=numpy.uint8)
# Characters that no VIN has weigh so much that no total is right with them.
_VALUES = numpy.full(256, 10_000)
for _character, _value in {**_LETTERS, **{str(digit): digit for digit in range(10)}}.items():
    _VALUES[ord(_character)] = _value


def normalise(vin: str) -> str:
    return vin.strip().upper()


def wrong_check_digits(vins: Sequence[str]) -> list[int]:
    """Places of full VINs whose ninth character is not what 49 CFR 565.15 computes.

    Only North America demands the check digit, so this warns and refuses nothing.
    """
    places = [index for index, vin in enumerate(vins) if len(vin) == LENGTH and vin.isascii()]
    text = "".join([vins[index] for index in places]).encode()
    characters = numpy.frombuffer(text, dtype=numpy.uint8).reshape(-1, LENGTH)
    totals = _VALUES[characters] @ _WEIGHTS
    wrong = (_CHECK[totals % 11] != characters[:, CHECK_PLACE]) | (totals >= 10_000)
    return [places[index] for index in numpy.flatnonzero(wrong)]


def has_wrong_check_digit(vin: str) -> bool:
    return wrong_check_digits([vin]) == [0]
