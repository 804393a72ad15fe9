"""The staff's site: an address that was made up, or typed by hand, is a bad request and never a server error."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import BadRequest, FieldError, ValidationError
from django.db import DataError, NotSupportedError, ProgrammingError
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]
# What a lookup raises, in Python or in PostgreSQL, for a value or an operator that it cannot take.
BAD_LOOKUP = (
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    ValidationError,
    FieldError,
    DataError,
    ProgrammingError,
    NotSupportedError,
)


class ClinicAdminSite(AdminSite):
    """Django's site, which lets a model's list be asked for anything that its fields have a lookup for."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Wrap a view as Django does, and answer what it cannot look up as it answers an unknown filter."""
        return super().admin_view(_answering_bad_lookups(view), cacheable)


def _answering_bad_lookups(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "\x00" in request.path_info:
            raise Http404
        try:
            response = view(request, *args, **kwargs)
            # Some lookups are made by the template, and what they raise would leave from outside of here.
            return response.render() if isinstance(response, SimpleTemplateResponse) else response
        except BAD_LOOKUP as error:
            if not _asks_something(request):
                raise
            logger.warning("admin lookup refused: %s", type(error).__name__, exc_info=error)
            if _is_list(request):
                return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
            raise BadRequest from error

    return answer


def _asks_something(request: HttpRequest) -> bool:
    """Whether a query or a choice of rows came along; without one, an error is the server's own."""
    if request.method == "POST":
        return ACTION_CHECKBOX_NAME in request.POST
    return bool(request.GET.keys() - {ERROR_FLAG})


def _is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")
