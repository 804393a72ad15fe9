"""Every address, each with and without its trailing slash: a redirect would drop a POST's body."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("healthmate.accounts.urls")),
    path("", include("chat.urls")),
]

handler400 = "healthmate.common.envelope.bad_request"
handler403 = "healthmate.common.envelope.forbidden"
handler404 = "healthmate.common.envelope.not_found"
handler500 = "healthmate.common.envelope.server_error"
