"""`embed_records` against a real model server: in batches, only what is missing, on after a failure."""

from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q

from patients.checks import embeddings
from patients.embedding import embed_chunks, unembedded
from patients.models import RecordChunk

MODEL = "text-embedding-3-small/1536"
MISMATCH = (
    "Some pieces of records have vectors of another model or length than the settings name "
    "(text-embedding-3-large/1536): a search finds them by their words alone."
)


@pytest.fixture
def model_server(llmock, settings):
    """The product configured for llmock as its model server."""
    settings.OPENAI_BASE_URL = llmock.base_url()
    settings.OPENAI_API_KEY = f"sk-{uuid4()}"
    return llmock


@pytest.fixture
def records(fhir_bundle, fhir_patient, import_ok):
    """Import a patient with conditions of these names."""

    def make(*names, **changes):
        conditions = [
            {
                "resourceType": "Condition",
                "id": f"c{number}",
                "subject": {"reference": "Patient/ana"},
                "code": {"text": name},
                **changes,
            }
            for number, name in enumerate(names)
        ]
        import_ok(fhir_bundle(fhir_patient(), *conditions))

    return make


def sent(server):
    return [text for request in server.requests for text in request.body["input"]]


def test_what_is_missing_is_embedded_once(records, model_server, capsys):
    records("Gout", "Anemia", "Asthma")

    call_command("embed_records", batch=2)
    call_command("embed_records")

    assert capsys.readouterr().out.splitlines() == [
        f"0 records cut into pieces, 3 pieces embedded by {MODEL}.",
        f"0 records cut into pieces, 0 pieces embedded by {MODEL}.",
    ]
    assert [len(request.body["input"]) for request in model_server.requests] == [2, 1]
    assert {len(chunk.embedding) for chunk in RecordChunk.objects.all()} == {1536}
    assert set(RecordChunk.objects.values_list("embedding_model", flat=True)) == {MODEL}


def test_equal_texts_are_sent_once(records, model_server):
    records("Gout", "Gout", "Gout")

    call_command("embed_records")

    assert sent(model_server) == ["Condition: Gout"]
    assert not unembedded(model=MODEL).exists()


def test_only_what_changed_is_embedded_again(records, model_server):
    records("Gout", "Anemia")
    call_command("embed_records")
    model_server.requests.clear()

    records("Gout", "Asthma")
    call_command("embed_records")

    assert sent(model_server)[-1:] == ["Condition: Asthma"]
    assert sent(model_server).count("Condition: Gout") <= 1


def test_a_failing_server_is_tried_again(records, model_server):
    records("Gout")
    model_server.rate_limit(times=2, retry_after=0.1)

    call_command("embed_records")

    assert not unembedded(model=MODEL).exists()


def test_a_broken_run_is_taken_up_again(records, model_server):
    records("Gout", "Anemia", "Asthma")
    steps = embed_chunks(at_once=1)
    next(steps)
    steps.close()
    model_server.fail(400, times=1)

    with pytest.raises(CommandError, match=r"HTTP 400\. 2 pieces are left; .* Run embed_records again\."):
        call_command("embed_records", batch=1)
    call_command("embed_records")

    assert sorted(set(sent(model_server))) == ["Condition: Anemia", "Condition: Asthma", "Condition: Gout"]
    assert not unembedded(model=MODEL).exists()


def test_another_model_or_length_means_to_embed_again(records, model_server, settings):
    records("Gout")
    call_command("embed_records")
    settings.OPENAI_EMBEDDING_MODEL = "text-embedding-3-large"

    assert [(found.id, found.msg, found.hint) for found in embeddings(databases=["default"])] == [
        (
            "patients.W001",
            MISMATCH,
            "Run `manage.py embed_records`, or set OPENAI_EMBEDDING_MODEL and EMBEDDING_DIMENSIONS back.",
        )
    ]
    call_command("embed_records")
    assert embeddings(databases=["default"]) == []
    assert embeddings(databases=None) == []


def test_a_server_that_answers_another_length_is_refused_with_both(records, model_server, settings):
    records("Gout")
    settings.EMBEDDING_DIMENSIONS = 64

    with pytest.raises(CommandError, match=r"answers 1536 dimensions, EMBEDDING_DIMENSIONS is 64\. 1 pieces are left"):
        call_command("embed_records")

    assert not RecordChunk.objects.filter(~Q(embedding=None)).exists()


def test_without_a_server_the_scripted_model_embeds_words(records, settings):
    settings.EMBEDDING_DIMENSIONS = 8
    records("Gout")

    call_command("embed_records")

    chunk = RecordChunk.objects.get()
    assert (len(chunk.embedding), chunk.embedding_model) == (8, "scripted/8")


def test_a_batch_has_at_least_one_text():
    with pytest.raises(CommandError, match="--batch must be 1 or more"):
        call_command("embed_records", batch=0)
