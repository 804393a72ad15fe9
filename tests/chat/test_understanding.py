"""Documents are read whatever stands between kind and number, in time linear in the message."""

from datetime import date

import pytest

from chat.scripted.identity_words import document_in


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("CC 12345678", ("CC", "12345678")),
        ("cc no. 12.345.678", ("CC", "12.345.678")),
        ("Cédula No 1122334455", ("CC", "1122334455")),
        ("cc nº: 1122334455", ("CC", "1122334455")),
        ("cedula n° 11223344", ("CC", "11223344")),
        ("Cédula de ciudadanía número: 1.122.334", ("CC", "1.122.334")),
        ("mi cc es la 11223344", (None, "11223344")),
        ("passport number AB1234567", ("PA", "AB1234567")),
        ("c.c. nro. 99887766", ("CC", "99887766")),
        ("pasaporte N12345678", ("PA", "N12345678")),
        ("CC #123456", ("CC", "123456")),
        ("cc\u200b: no 12\u00ad3456", ("CC", "123456")),
        ("mi documento es el 30.995.750", (None, "30.995.750")),
        ("cc no no no x", None),
    ],
)
def test_a_document_is_read(text: str, document: tuple[str | None, str] | None) -> None:
    assert document_in(text, date(2026, 6, 1)) == document
