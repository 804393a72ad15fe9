from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver


def written(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from written(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


def test_every_address_has_both_forms():
    routes = set(written(get_resolver()))
    assert routes
    for route in routes:
        other = route.removesuffix("/") if route.endswith("/") else f"{route}/"
        assert other in routes


def test_an_address_is_reversed_as_written():
    assert reverse("login") == "/auth/login"
    assert reverse("openapi") == "/openapi.json"
