"""Addresses of seed 1."""

from chat import views
from healthmate.common.routing import both

urlpatterns = [
    *both("chat/create", views.CreateThreadView.as_view(), name="chat-create"),
    *both("chat/update/<str:thread_id>", views.UpdateThreadView.as_view(), name="chat-update"),
    *both("chat/<str:thread_id>", views.ThreadView.as_view(), name="chat-thread"),
]
