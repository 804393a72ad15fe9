"""The statements of the hot path agree with the models: a column that is added is not forgotten there."""

import re

import pytest
from django.db.models import NOT_PROVIDED, Model

from chat import run_queries
from chat.models import Message, Run


def inserted(statement: str, model: type[Model]) -> set[str]:
    """The columns that a statement gives a row of the model's."""
    found = re.search(rf"INSERT INTO {model._meta.db_table}\s*\(([^)]*)\)", statement)
    assert found
    return set(re.split(r"[\s,]+", found[1].strip()))


@pytest.mark.parametrize(
    ("statement", "model"), [(run_queries._QUEUE, Message), (run_queries._QUEUE, Run), (run_queries._END, Message)]
)
def test_every_column_that_needs_a_value_gets_one(statement: str, model: type[Model]) -> None:
    needed = {
        field.column for field in model._meta.concrete_fields if not field.null and field.db_default is NOT_PROVIDED
    }
    columns = {field.column for field in model._meta.concrete_fields}

    assert needed <= inserted(statement, model) <= columns
