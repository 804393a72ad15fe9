"""Static files on an event loop: WhiteNoise's own middleware would put every request on a thread."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware


class Files(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise's index of static files; a file is read whole, since the largest is a script of 2 MB."""

    def add_files(self, root: Any, prefix: str | None = None) -> None:
        """Index a folder, if it is there: without `collectstatic` STATIC_ROOT is not."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    def find(self, request: HttpRequest) -> HttpResponse | None:
        """The file at the request's address, or None; reads from the disk."""
        path = request.path_info
        try:
            static_file = self.find_file(path) if self.autorefresh else self.files.get(path)
        except (SuspiciousFileOperation, ValueError, OSError):
            return None  # a path out of the folder, with NUL in it, or longer than the disk allows
        if static_file is None:
            return None
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        del response.headers["Content-Type"]
        for name, value in found.headers:
            response.headers[name] = value
        return response


@sync_and_async_middleware
def static_files(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answer what stands under STATIC_URL."""
    files = Files()
    if iscoroutinefunction(get_response):

        async def serve_async(request: HttpRequest) -> HttpResponseBase:
            found = None
            if request.path_info.startswith(files.static_prefix):
                found = await asyncio.to_thread(files.find, request)
            response: HttpResponseBase = found or await get_response(request)
            return response

        return serve_async

    def serve(request: HttpRequest) -> HttpResponseBase:
        found = files.find(request) if request.path_info.startswith(files.static_prefix) else None
        response: HttpResponseBase = found or get_response(request)
        return response

    return serve
