"""The path through the real SDK to a model server that fails in every way it can."""

from typing import Any

import pytest

from chat.models import Message, Run
from healthmate.common.logs import QuietFormatter
from tests.chat.conftest import Talk

pytestmark = pytest.mark.usefixtures("test_tools")

ANSWER = "Claro que sí, dime en qué puedo ayudarte hoy."


def test_tool_calls_run_and_their_results_go_back(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("echo", {"text": "uno"}).reply(ANSWER)

    answer = talk.say("Repite uno")

    run = Run.objects.get()
    assert answer == {
        "thread_id": talk.thread_id,
        "run_id": str(run.id),
        "message_id": str(Message.objects.get(direction="outgoing").id),
        "content": ANSWER,
        "tool_calls": [{"name": "echo", "ok": True}],
        "flags": [],
    }
    assert (run.status, run.model, run.output_tokens > 0) == ("completed", "gpt-4o-mini", True)
    first, second = (record.body for record in model_server.requests)
    assert first["store"] is False
    assert first["max_output_tokens"] == 2000
    assert [item["type"] for item in second["input"][-2:]] == ["function_call", "function_call_output"]
    assert second["input"][-1]["output"] == '{"text":"uno","said":["Repite uno"]}'
    model_server.assert_resilient(strict=True)


def test_the_next_turn_sees_earlier_messages_and_tool_results(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("echo", {"text": "uno"}).reply("Primera.").reply("Segunda.")
    talk.say("Hola")
    talk.say("¿Y ahora?")

    shown = model_server.last_request.body["input"]

    assert [item.get("role") or item["type"] for item in shown] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda server: server.rate_limit(times=2, retry_after=0.3),
        lambda server: server.fail(503, times=2),
        lambda server: server.disconnect(after_chunks=6),
        lambda server: server.truncate(after_chunks=6),
        lambda server: server.truncate(after_chunks=1, times=2),
        lambda server: server.corrupt(after_chunks=6),
        lambda server: server.stall(after_chunks=6, seconds=20),
    ],
    ids=["429", "503", "disconnect", "truncate", "truncate twice", "corrupt", "stall"],
)
def test_a_fault_is_retried_and_no_word_is_lost_or_doubled(model_server: Any, talk: Talk, break_it: Any) -> None:
    break_it(model_server)
    model_server.tool_mode("off").reply(ANSWER, times=None)

    answer = talk.say("Hola")

    assert answer["content"] == ANSWER
    assert answer["flags"] == []
    model_server.assert_resilient(strict=True)


def test_malformed_arguments_and_unknown_tools_go_back_as_data(model_server: Any, talk: Talk) -> None:
    model_server.break_tool_call("malformed_arguments")
    broken = talk.say("Hola")
    model_server.break_tool_call("unknown_tool")
    unknown = talk.say("Otra vez")

    assert broken["tool_calls"][0]["code"] == "INVALID_ARGUMENTS"
    assert unknown["tool_calls"][0]["code"] == "UNKNOWN_TOOL"
    assert broken["content"]
    assert unknown["content"]
    model_server.assert_resilient(strict=True)


def test_arguments_that_do_not_fit_name_the_field_and_not_the_value(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("echo", {"text": "x" * 21}).reply(ANSWER)

    assert talk.say("Hola")["tool_calls"] == [{"name": "echo", "ok": False, "code": "INVALID_ARGUMENTS"}]
    assert Run.objects.get().tool_calls.get().output == {
        "error": {"code": "INVALID_ARGUMENTS", "message": "The arguments do not fit the tool."},
        "problems": [{"field": "text", "problem": "string_too_long"}],
    }


def test_a_tool_that_breaks_is_told_to_the_model_and_not_to_the_log(
    model_server: Any, talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    model_server.call_tool("explode").reply(ANSWER)

    answer = talk.say("private words of a patient")

    assert answer["tool_calls"] == [{"name": "explode", "ok": False, "code": "TOOL_FAILED"}]
    assert answer["content"] == ANSWER
    (record,) = (record for record in caplog.records if "explode failed" in record.message)
    logged = QuietFormatter().format(record)
    assert "RuntimeError" in logged
    assert "private words" not in logged


def test_a_model_that_never_stops_calling_tools_is_stopped(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("echo", {"text": "uno"}, text="Sigo.", times=None)

    answer = talk.say("Hola")

    assert len(answer["tool_calls"]) == 8
    assert answer["content"].startswith("Sigo.")
    assert model_server.last_request.body["tool_choice"] == "none"


def test_an_outage_is_served_by_the_scripted_model_which_says_so(model_server: Any, talk: Talk) -> None:
    model_server.outage()

    answer = talk.say("Hola")

    assert answer["flags"] == ["scripted"]
    assert "Anna" in answer["content"]
    assert Run.objects.get().model == "scripted"
    assert len(model_server.requests) == 3
    model_server.assert_resilient(strict=True)


def test_a_server_that_is_down_is_spared_after_a_few_failures(model_server: Any, talk: Talk) -> None:
    model_server.outage()
    for _ in range(3):
        talk.say("Hola")
    asked = len(model_server.requests)

    assert talk.say("Hola")["flags"] == ["scripted"]
    assert len(model_server.requests) == asked


def test_a_refusal_that_no_retry_mends_is_not_retried(model_server: Any, talk: Talk) -> None:
    model_server.context_overflow()

    assert talk.say("Hola")["flags"] == ["scripted"]
    model_server.assert_resilient(strict=True)


def test_a_stream_that_stays_broken_fails_and_keeps_message_and_partial_text(model_server: Any, talk: Talk) -> None:
    model_server.tool_mode("off").reply(ANSWER, times=None).disconnect(after_chunks=6, times=None)

    response = talk.post("Hola")

    run = Run.objects.get()
    question, partial = Message.objects.all()
    assert response.status_code == 502
    assert response.json() == {
        "error": {
            "code": "LLM_ERROR",
            "message": response.json()["error"]["message"],
            "details": {
                "thread_id": talk.thread_id,
                "run_id": str(run.id),
                "stored_message_id": str(question.id),
                "tool_calls": [],
                "content": partial.body,
                "message_id": str(partial.id),
                "flags": ["partial"],
            },
        }
    }
    assert ANSWER.startswith(partial.body)
    assert (run.status, run.error_code, question.body) == ("failed", "LLM_ERROR", "Hola")


def test_a_server_that_never_answers_times_out(model_server: Any, talk: Talk, settings: Any) -> None:
    settings.LLM_TIMEOUT = 0.5
    model_server.delay(5, times=None)

    response = talk.post("Hola")

    assert (response.status_code, response.json()["error"]["code"]) == (504, "LLM_TIMEOUT")
    assert [message["content"] for message in talk.history()] == ["Hola"]


def test_retry_after_beyond_the_time_limit_is_not_waited_for(model_server: Any, talk: Talk, settings: Any) -> None:
    settings.LLM_TIMEOUT = 5
    model_server.rate_limit(times=None, retry_after=60)

    assert talk.say("Hola")["flags"] == ["scripted"]
    assert len(model_server.requests) == 1


def test_identity_is_the_servers_word(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("secret").reply("No.")

    assert talk.say("Soy el paciente 1")["tool_calls"] == [{"name": "secret", "ok": False, "code": "IDENTITY_REQUIRED"}]


def test_consent_is_the_persons_own_word(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("enrol").reply("¿Aceptas?")
    assert talk.say("Regístrame")["tool_calls"] == [{"name": "enrol", "ok": False, "code": "CONSENT_REQUIRED"}]
    model_server.call_tool("enrol").reply("Listo.")

    answer = talk.say("Sí, acepto")

    assert answer["tool_calls"] == [{"name": "enrol", "ok": True}]
    assert answer["content"] == "Listo.\n\nRECEIPT-1"


def test_no_consent_without_a_question_or_with_another_answer(model_server: Any, talk: Talk) -> None:
    refused = [{"name": "enrol", "ok": False, "code": "CONSENT_REQUIRED"}]
    for message in ("Sí", "No estoy seguro", "¿Para qué?"):
        model_server.call_tool("enrol").reply("¿Aceptas?")
        assert talk.say(message)["tool_calls"] == refused


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ("Perfecto. Tu cita ha quedado reservada para el lunes. ¿Algo más?", "Perfecto."),
        ("Great. I have booked your appointment for Monday. Anything else?", "Great."),
        ("Your appointment has been cancelled.", ""),
    ],
)
def test_what_was_not_done_is_not_said(model_server: Any, talk: Talk, claim: str, shown: str) -> None:
    model_server.tool_mode("off").reply(claim)

    content = talk.say("Hola")["content"]

    assert content.startswith(shown)
    assert all(word not in content for word in ("ha quedado", "have booked", "has been cancelled"))
