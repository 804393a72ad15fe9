"""Addresses of `/auth`."""

from healthmate.accounts import views
from healthmate.common.routing import both

urlpatterns = [
    *both("auth/login", views.LoginView.as_view(), name="login"),
    *both("auth/refresh", views.RefreshView.as_view(), name="refresh"),
    *both("auth/logout", views.LogoutView.as_view(), name="logout"),
    *both("auth/ws-ticket", views.TicketView.as_view(), name="ws-ticket"),
]
