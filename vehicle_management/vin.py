"""Vehicle identification numbers: how they are written, and their check digit."""

LENGTH = 17
_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
_VALUES = {**_LETTERS, **{str(digit): digit for digit in range(10)}}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CHECK = "0123456789X"
_TABLES = tuple({character: value * weight for character, value in _VALUES.items()} for weight in _WEIGHTS)


def normalise(vin: str) -> str:
    return vin.strip().upper()


def has_wrong_check_digit(vin: str) -> bool:
    """Whether a full VIN's ninth character is not what 49 CFR 565.15 computes.

    Only North America demands the check digit, so this warns and refuses nothing.
    """
    if len(vin) != LENGTH:
        return False
    try:
        total = sum(table[character] for table, character in zip(_TABLES, vin, strict=True))
    except KeyError:
        return True
    return _CHECK[total % 11] != vin[8]
