"""A clinician's run: the patient is found, the record searched, the answer made from it and cited."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.citations import CitationGate, confidence_of
from chat.clinical_context import new_fence, record_instructions, record_message
from chat.events import AnswerEnded, AnswerStarted, Evidence, StatusChanged
from chat.models import Run
from chat.services import clinical
from chat.services.base_turn import BaseTurn
from chat.services.clinical import BUILDING_CONTEXT, GENERATING, VECTOR_SEARCH, Found
from chat.services.model_io import ModelError, ModelRequest, TextDelta
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.embedding import EmbeddingError, Vector, embed_one
from healthmate.common.errors import ApiError
from patients.selectors import KnownPatient

RULES = "rules"  # who answers when there is nothing to answer from


@dataclass
class ClinicalTurn(BaseTurn):
    """The state of a clinician's run in progress."""

    patient: KnownPatient | None = None
    found: Found | None = None
    gate: CitationGate = field(default_factory=lambda: CitationGate(()))

    async def answer(self) -> None:
        """Make the whole answer. Raises ApiError PATIENT_NOT_FOUND, VECTOR_SEARCH_TIMEOUT; ModelError."""
        asked = await in_db(clinical.asked_by, self.claimed.run_id)
        patient, event_id = await in_db(
            clinical.find_patient, run_id=self.claimed.run_id, thread_id=self.claimed.thread_id, asked=asked
        )
        self.patient = patient
        await self.emit(StatusChanged, status=VECTOR_SEARCH)
        self.found = found = await self._search(patient)
        await self.emit(StatusChanged, status=BUILDING_CONTEXT)
        self.gate = CitationGate({entry.number for entry in found.entries})
        request = await self._request(event_id, found)
        await self.emit(StatusChanged, status=GENERATING)
        if found.entries:
            await self._relay(request)
        else:
            await self._say_that_there_is_nothing()

    async def say(self, text: str) -> None:
        """Show a piece of the answer; the first one is announced."""
        if text and not self.text:
            await self.emit(AnswerStarted, at=clinical.timestamp())
        await super().say(text)

    async def wrap_up(self, status: Run.Status) -> None:
        """Show what was held back, and tell that this was all of it."""
        await self.say(self.gate.finish())
        entries = {entry.number: entry for entry in self.found.entries} if self.found else {}
        self.evidence = Evidence(
            at=clinical.timestamp(),
            patient=clinical.patient_info(self.patient) if self.patient else None,
            model=self.model,
            confidence=confidence_of(self.text),
            citations=[entries[number].as_citation() for number in self.gate.cited],
            records_analyzed=self.found.records_analyzed if self.found else 0,
            chunks_used=self.found.chunks_used if self.found else 0,
        )
        if status in {Run.Status.COMPLETED, Run.Status.CANCELLED}:
            await self.emit(AnswerEnded, at=self.evidence.at)

    async def _search(self, patient: KnownPatient) -> Found:
        question = self.claimed.question
        try:
            async with asyncio.timeout(settings.VECTOR_SEARCH_TIMEOUT) as limit:
                vector = await _vector_of(question)
                return await in_db(
                    clinical.search_record, patient_id=patient.patient_id, question=question, vector=vector
                )
        except TimeoutError as error:
            if limit.expired():
                raise ApiError(errors.VECTOR_SEARCH_TIMEOUT) from error
            raise

    async def _request(self, event_id: int, found: Found) -> ModelRequest:
        """What the model is asked; that these records are read is noted before."""
        fence = new_fence()
        await in_db(clinical.note_reading, event_id=event_id, entries=found.entries)
        message = record_message(found.entries, question=self.claimed.question, fence=fence, snapshot=found.snapshot)
        return ModelRequest(
            model=self.assistant.effective_model,
            instructions=record_instructions(self.assistant, language=self.claimed.language, fence=fence),
            input=[{"role": "user", "content": message}],
            max_output_tokens=self.assistant.effective_max_output_tokens,
        )

    async def _relay(self, request: ModelRequest) -> None:
        async with aclosing(self.service.respond(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    await self.say(self.gate.release(event.text))
                else:
                    self.account(event)
        await self.say(self.gate.finish())
        if not self.text.strip():
            raise ModelError("the model answered nothing")

    async def _say_that_there_is_nothing(self) -> None:
        self.model = RULES
        with override(self.claimed.language):
            sentence = _("The patient's record holds nothing that answers this question.")
        await self.say(sentence)


async def _vector_of(question: str) -> Vector | None:
    """The question's vector; without one the words alone are searched for."""
    try:
        return await embed_one(question)
    except EmbeddingError:
        return None
