"""Addresses that answer with and without their trailing slash: a redirect would drop a POST's body."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

View = Callable[..., Any]


def both(route: str, view: View, *, name: str | None = None) -> list[URLPattern]:
    """`route` as written, which is what `reverse` and the schema know, and its other form beside it."""
    other = route.removesuffix("/") if route.endswith("/") else f"{route}/"
    return [path(route, view, name=name), path(other, _unlisted(view))]


def _unlisted(view: View) -> View:
    """The same view without the marks by which the schema generator finds it."""
    if iscoroutinefunction(view):

        async def call(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response: HttpResponseBase = await view(request, *args, **kwargs)
            return response
    else:

        def call(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[misc]
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

    unlisted = wraps(view, updated=())(call)
    unlisted.csrf_exempt = getattr(view, "csrf_exempt", False)  # type: ignore[attr-defined]
    return unlisted
