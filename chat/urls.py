"""Addresses of seeds 1, 4 and 5."""

from chat import session_answer_views, session_views, views, website_page_views, website_views
from healthmate.common.routing import both

SESSIONS = "api/chat/realtime/sessions"

urlpatterns = [
    *both("chat/", website_views.ChatView.as_view(), name="chat"),
    *both("chat/stream", website_views.ChatStreamView.as_view(), name="chat-stream"),
    *both("chat/history", website_page_views.WebsiteHistoryView.as_view(), name="chat-history"),
    *both("chat/stop", website_page_views.WebsiteStopView.as_view(), name="chat-stop"),
    *both("chat/reset", website_page_views.WebsiteResetView.as_view(), name="chat-reset"),
    *both("chat/create", views.CreateThreadView.as_view(), name="chat-create"),
    *both("chat/update/<str:thread_id>", views.UpdateThreadView.as_view(), name="chat-update"),
    *both("chat/<str:thread_id>", views.ThreadView.as_view(), name="chat-thread"),
    *both("api/chat", session_views.ApiChatView.as_view(), name="api-chat"),
    *both(SESSIONS, session_views.SessionsView.as_view(), name="sessions"),
    *both(f"{SESSIONS}/<str:session_id>", session_views.SessionView.as_view(), name="session"),
    *both(f"{SESSIONS}/<str:session_id>/stream", session_views.SessionStreamView.as_view(), name="session-stream"),
    *both(f"{SESSIONS}/<str:session_id>/stop", session_answer_views.StopView.as_view(), name="session-stop"),
    *both(
        f"{SESSIONS}/<str:session_id>/regenerate",
        session_answer_views.RegenerateView.as_view(),
        name="session-regenerate",
    ),
    *both(
        f"{SESSIONS}/<str:session_id>/messages/<str:message_id>/feedback",
        session_answer_views.FeedbackView.as_view(),
        name="session-feedback",
    ),
]
