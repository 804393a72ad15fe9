import pytest

from patients.documents import normalize_number


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("30995750", "30995750"),
        ("30.995.750", "30995750"),
        (" 30 995-750 ", "30995750"),
        ("ab-12/x", "AB12X"),
        ("３０９９５", "30995"),
        ("٣٠٩", "309"),
        ("Ñ-1", "N1"),
        ("--", ""),
        ("", ""),
    ],
)
def test_numbers_are_compared_in_one_form(written, normal):
    assert normalize_number(written) == normal
