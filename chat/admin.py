"""Conversations for staff: a readable transcript, runs with their tools, the assistants."""

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Count, Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chat.models import Assistant, ClinicalQuery, Contact, Message, Run, Thread, ToolCall
from chat.owners import actor_of
from chat.tool_registry import registered_tools
from patients.services import record_access

TRANSCRIPT_MESSAGES = 200
MAY_READ = "patients.view_clinicalrecord"
AnyModel = TypeVar("AnyModel", bound=Model)


class ReadOnlyAdmin(admin.ModelAdmin[AnyModel]):
    """What happened is looked at, never edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits."""
        return False


@admin.register(Assistant)
class AssistantAdmin(admin.ModelAdmin[Assistant]):
    """Instructions, model, tools and limits."""

    list_display = ("slug", "name", "model", "active", "updated_at")
    list_filter = ("active",)
    search_fields = ("slug", "name", "instructions")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Tools are chosen among those that are registered."""
        if db_field.name != "tools":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        from django import forms  # noqa: PLC0415

        return forms.MultipleChoiceField(
            choices=[(name, f"{name}: {tool.description[:80]}") for name, tool in registered_tools().items()],
            widget=forms.CheckboxSelectMultiple,
            required=False,
            label=db_field.verbose_name,
        )


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin[Contact]):
    """Who is at the other end; a device's id stays a secret, staff see its short hash."""

    list_display = ("short", "name", "user", "thread_count", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__email", "id")
    fields = ("id", "short", "name", "user", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        """With the number of threads."""
        return super().get_queryset(request).annotate(thread_count=Count("threads"))

    @admin.display(description=_("threads"), ordering="thread_count")
    def thread_count(self, contact: Any) -> int:
        """How many conversations the contact has."""
        return int(contact.thread_count)

    @admin.display(description=_("device"))
    def short(self, contact: Contact) -> str:
        """What logs call the contact."""
        return actor_of(Thread(contact=contact))


class RunInline(admin.TabularInline[Run, Thread]):
    """The runs of a thread."""

    model = Run
    fields = ("created_at", "status", "error_code", "assistant", "model", "input_tokens", "output_tokens")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """With the assistants at hand."""
        return super().get_queryset(request).select_related("assistant")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False


@admin.register(Thread)
class ThreadAdmin(ReadOnlyAdmin[Thread]):
    """A conversation as a transcript."""

    list_display = ("id", "raised", "who", "patient", "identity_level", "assistant", "last_number", "updated_at")
    list_select_related = ("contact", "patient", "assistant")
    list_filter = ("raised", "kind", "identity_level", "assistant", "language", "updated_at")
    actions = ("mark_as_seen",)
    search_fields = ("id", "title", "patient__full_name", "contact__name", "contact__user__email", "messages__body")
    date_hierarchy = "updated_at"
    fields = (
        "who",
        "raised",
        "patient",
        "identity_level",
        "assistant",
        "language",
        "created_at",
        "updated_at",
        "transcript",
    )
    readonly_fields = fields
    inlines = (RunInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        """What clinicians asked of records only for those who may read records."""
        threads = super().get_queryset(request)
        return threads if request.user.has_perm(MAY_READ) else threads.exclude(kind=Thread.Kind.CLINICAL)

    def has_attend_permission(self, request: HttpRequest) -> bool:
        """Those who may change threads say that they have looked after one."""
        return request.user.has_perm("chat.change_thread")

    @admin.action(description=_("Mark as seen"), permissions=["attend"])
    def mark_as_seen(self, request: HttpRequest, threads: QuerySet[Thread]) -> None:
        """Somebody has looked after what was raised."""
        count = threads.update(raised="")
        self.message_user(request, ngettext("%d thread changed.", "%d threads changed.", count) % count)

    @admin.display(description=_("who"))
    def who(self, thread: Thread) -> str:
        """The contact's name, or what logs call it."""
        return (thread.contact.name if thread.contact else "") or actor_of(thread)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Reading what an identified patient wrote is reading of the patient's data: it leaves an event."""
        response = super().change_view(request, object_id, form_url, extra_context)
        thread = self.get_object(request, object_id)
        if thread is not None and thread.patient_id is not None:
            user = request.user
            record_access(
                patient_id=thread.patient_id,
                actor=str(user.pk),
                user_id=user.pk,
                purpose="transcript",
                thread_id=thread.pk,
            )
        return response

    @admin.display(description=_("transcript"))
    def transcript(self, thread: Thread) -> SafeString:
        """The newest messages, with the tools that were used between a question and its answer."""
        calls = Prefetch("run__tool_calls", queryset=ToolCall.objects.order_by("position"))
        newest = thread.messages.select_related("run").prefetch_related(calls).order_by("-turn", "-number")
        return format_html_join("", "{}", ((_bubble(message),) for message in reversed(newest[:TRANSCRIPT_MESSAGES])))


def _bubble(message: Message) -> SafeString:
    tools = message.run.tool_calls.all() if message.run else ()
    notes = [f"{call.name} {'ok' if call.ok else call.code}" for call in tools] + list(message.flags)
    return format_html(
        '<div><b>{}</b> <small>{} {}</small><div style="white-space:pre-wrap;margin:.2em 0 1em">{}</div></div>',
        _("assistant") if message.direction == Message.Direction.OUTGOING else _("person"),
        timezone.localtime(message.created_at).strftime("%Y-%m-%d %H:%M:%S"),
        " · ".join(notes),
        message.body,
    )


class ToolCallInline(admin.TabularInline[ToolCall, Run]):
    """The tools of a run, in order."""

    model = ToolCall
    fields = ("position", "name", "ok", "code", "arguments", "output", "duration_ms")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False


class ClinicalQueryInline(admin.StackedInline[ClinicalQuery, Run]):
    """What a clinician asked about whom, and how much the answer rests on; what was read stands in the transcript."""

    model = ClinicalQuery
    fields = ("session_id", "document_type_id", "document_number", "confidence", "records_analyzed", "chunks_used")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may read records."""
        return request.user.has_perm(MAY_READ)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits."""
        return False


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin[Run]):
    """How answers were made."""

    list_display = (
        "id",
        "status",
        "error_code",
        "assistant",
        "model",
        "input_tokens",
        "output_tokens",
        "tools",
        "created_at",
        "finished_at",
    )
    list_select_related = ("assistant",)
    list_filter = ("status", "error_code", "model", "assistant", "created_at")
    search_fields = ("id", "thread__id")
    date_hierarchy = "created_at"
    inlines = (ClinicalQueryInline, ToolCallInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """With the number of tool calls."""
        return super().get_queryset(request).annotate(tools=Count("tool_calls"))

    @admin.display(description=_("tools"), ordering="tools")
    def tools(self, run: Any) -> int:
        """How many tools the run used."""
        return int(run.tools)
