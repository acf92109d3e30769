"""A file of vehicles as fleets send them: 15 columns, one row in a hundred faulty."""

import random
from pathlib import Path

from vehicle_management import vin as vins

HEADER = (
    "Unit No,VIN,License#,Make,Model,Year,Vehicle Type,Fuel,Colour,In Service Date,Notes,Odometer,"
    "Department,Purchase Cost,Home Base"
)
MAKES = {
    "Ford": ("Transit 350", "F150"),
    "Volkswagen": ("Crafter", "ID. Buzz Cargo"),
    "Iveco": ("Daily 35S",),
    "Mercedes": ("Sprinter 316",),
}
TYPES = ("van", "pickup", "truck", "sedan")
FUELS = ("diesel", "petrol", "electric")
COLOURS = ("white", "blue", "grey", "yellow", "red")
DEPARTMENTS = ("parks", "water", "police", "roads", "library")
ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
FAULTS = (("1196", 5), ("not a number", 11), ("31/31/2020", 9))


def full_vin(number: int) -> str:
    """A VIN with a right check digit whose last eight characters count."""
    body = f"1FTBW2CM{{}}K{number:07d}"
    return next(vin for digit in "0123456789X" if not vins.has_wrong_check_digit(vin := body.format(digit)))


def row(number: int, chance: random.Random) -> list[str]:
    make = chance.choice(tuple(MAKES))
    return [
        f"U-{number:07d}",
        full_vin(number),
        f"{chance.choice(ALPHABET)}{number:07d}",
        make,
        chance.choice(MAKES[make]),
        str(chance.randint(1998, 2026)),
        chance.choice(TYPES),
        chance.choice(FUELS),
        chance.choice(COLOURS),
        f"{chance.randint(2000, 2025)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        "spare key at the gate" if chance.random() < 0.2 else "",
        str(chance.randint(0, 400_000)),
        chance.choice(DEPARTMENTS),
        f"{chance.randint(9_000, 90_000)}.{chance.randint(0, 99):02d}",
        f"Depot {chance.randint(1, 40)}",
    ]


def write(path: Path, rows: int, *, faulty: float = 0.01, seed: int = 1) -> Path:
    """Write the file once; the same arguments always give the same bytes."""
    if path.exists():
        return path
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for number in range(1, rows + 1):
            cells = row(number, chance)
            if chance.random() < faulty:
                wrong, place = chance.choice(FAULTS)
                cells[place] = wrong
            file.write(",".join(cells) + "\n")
    return path
