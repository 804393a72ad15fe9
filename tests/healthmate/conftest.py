from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Limits of one test are not those of the next."""
    cache.clear()
    yield
    cache.clear()
