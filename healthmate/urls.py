"""Every address, each with and without its trailing slash: a redirect would drop a POST's body."""

from django.contrib import admin
from django.urls import include, path

from healthmate import documentation, health, metrics, pages
from healthmate.common.routing import both
from realtime.pages import tester

urlpatterns = [
    *both("", pages.chat, name="chat-page"),
    path("admin/", admin.site.urls),
    path("", include("healthmate.accounts.urls")),
    path("", include("chat.urls")),
    *both("health", health.HealthView.as_view(), name="health"),
    *both("health/live", health.LiveView.as_view(), name="health-live"),
    *both("metrics", metrics.show, name="metrics"),
    *both("openapi.json", documentation.SchemaView.as_view(), name="openapi"),
    *both("docs", documentation.swagger, name="docs"),
    *both("docs/ws", tester, name="docs-ws"),
    *both("redoc", documentation.redoc, name="redoc"),
]

handler400 = "healthmate.common.envelope.bad_request"
handler403 = "healthmate.common.envelope.forbidden"
handler404 = "healthmate.common.envelope.not_found"
handler500 = "healthmate.common.envelope.server_error"
