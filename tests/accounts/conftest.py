from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache

from healthmate.accounts.models import User

PASSWORD = "a-long-enough-password"


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Limits and tickets of one test are not those of the next."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def make_user() -> Callable[..., User]:
    def make(email="ana@clinic.example", password=PASSWORD, **fields):
        return User.objects.create_user(email, password, **fields)

    return make


@pytest.fixture
def log_in(http):
    def log_in(email="ana@clinic.example", password=PASSWORD):
        response = http.post("/auth/login", json={"email": email, "password": password})
        assert response.status_code == 200, response.text
        return response.json()

    return log_in
