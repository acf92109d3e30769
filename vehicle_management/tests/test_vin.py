from vehicle_management import vin


def test_a_right_check_digit_is_not_told() -> None:
    assert vin.wrong_check_digits(["1M8GDM9AXKP042788", "11111111111111111"]) == []


def test_a_mistyped_character_a_letter_that_no_vin_has_and_a_wrong_digit_are_told() -> None:
    assert vin.wrong_check_digits(["1M8GDM9AXKP042787", "1M8GDM9AXKP04278O", "1M8GDM9A0KP042788"]) == [
        0,
        1,
        2,
    ]


def test_short_vins_and_other_scripts_are_not_judged() -> None:
    assert vin.wrong_check_digits(["", "SHORT", "Ж" * 17]) == []


def test_vins_are_upper_case_and_trimmed() -> None:
    assert vin.normalise("  1m8gdm9axkp042788 ") == "1M8GDM9AXKP042788"
