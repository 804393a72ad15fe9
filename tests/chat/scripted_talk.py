"""Conversations with the scripted model alone: request bodies with the tools' answers written out by hand."""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import override

from chat.safety.truth import TruthGate
from chat.scripted.conversation import read_conversation
from chat.scripted.policy import Call, decide

TOOLS = [
    "fetch_patient_info",
    "create_patient",
    "find_slots",
    "propose_appointment",
    "confirm_appointment",
    "move_appointment",
    "list_appointments",
    "cancel_appointment",
]
HISTORY_MESSAGES = 10
WEEKDAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
MONTHS = {11: "noviembre", 12: "diciembre"}
RESTREPO = ("Dra. Elena Restrepo", "Medicina general")
CASTANO = ("Dr. Julián Castaño", "Cardiología")
LAURA = ("CD", "30995750", "1990-05-14")


def at(number: int, starts_at: str, who: tuple[str, str] = RESTREPO) -> dict[str, Any]:
    """A free time as `find_slots` gives it; Saturday 2026-11-21 is today."""
    day, hour = date.fromisoformat(starts_at[:10]), starts_at[11:16]
    label = f"{WEEKDAYS[day.weekday()]} {day.day} de {MONTHS[day.month]}, {hour}"
    doctor, specialty = who
    return {
        "slot_id": number,
        "starts_at": f"{starts_at}:00-05:00",
        "label": label,
        "practitioner": doctor,
        "specialty": specialty,
    }


def booked(number: int, starts_at: str, who: tuple[str, str] = RESTREPO, status: str = "booked") -> dict[str, Any]:
    """An appointment as `list_appointments` gives it."""
    item = at(number, starts_at, who) | {"appointment_id": f"a{number}", "status": status}
    del item["slot_id"]
    return item | ({"reference": f"HM-AAAAA{number}"} if status == "booked" else {"expires_at": "2026-11-21T12:00"})


SLOTS = [
    at(1, "2026-11-23T08:30"),
    at(2, "2026-11-23T09:00"),
    at(3, "2026-11-23T10:00"),
    at(4, "2026-11-24T15:00"),
    at(5, "2026-11-25T16:30"),
]


@dataclass
class ScriptedTalk:
    """A conversation; `calls` are the tools that the last message led to, with their arguments."""

    language: str = "es"
    identified: bool = False
    slots: list[dict[str, Any]] = field(default_factory=lambda: list(SLOTS))
    own: list[dict[str, Any]] = field(default_factory=list)
    known: tuple[str, str, str] = LAURA
    consent: bool = False
    hours: str = "Opening hours: Monday to Friday, 8:00 to 17:00"
    items: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    text: str = ""

    def say(self, *messages: str) -> "ScriptedTalk":
        """Send messages, each after the answer to the one before."""
        for message in messages:
            self.items.append({"role": "user", "content": message})
            self.calls = []
            while (move := self._decide()) and isinstance(move, Call):
                assert len(self.calls) < 6, "it never stops calling tools"
                output = self._run(move)
                self.calls.append((move.name, move.arguments))
                call_id = f"call_{len(self.items)}"
                self.items += [
                    {
                        "type": "function_call",
                        "call_id": call_id,
                        "name": move.name,
                        "arguments": json.dumps(move.arguments),
                    },
                    {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)},
                ]
            self.text = move.text
            assert self._released(move.text) == move.text, "the truth gate holds it back"
            self.items.append({"role": "assistant", "content": move.text})
        return self

    @property
    def names(self) -> list[str]:
        """The tools that the last message led to."""
        return [name for name, _ in self.calls]

    def asked_for(self, name: str) -> dict[str, Any]:
        """The arguments of the last call of a tool."""
        return next(arguments for called, arguments in reversed(self.calls) if called == name)

    def _decide(self) -> Any:
        facts = [
            self.hours,
            "- clinic: HealthMate",
            "- you are: Anna",
            "- now: Saturday 2026-11-21 08:00 (America/Bogota)",
            "- emergency number: 123",
            f"- answer in: x ({self.language})",
            f"- identity: {'matched' if self.identified else 'anonymous'}",
        ]
        body = {"instructions": "\n".join(facts), "tools": [{"name": name} for name in TOOLS], "input": self._window()}
        with override(self.language):
            return decide(read_conversation(body))

    def _window(self) -> list[dict[str, Any]]:
        """The last ten messages, as the server sends them, with the tools' answers that go before them."""
        places = [place for place, item in enumerate(self.items) if "role" in item][-HISTORY_MESSAGES:]
        start = places[0]
        while start and "role" not in self.items[start - 1]:
            start -= 1
        return self.items[start:]

    def _released(self, text: str) -> str:
        """What the server lets through of an answer."""
        listed = self.own if "list_appointments" in self.names else []
        done = ["registered"] if "create_patient" in self.names else []
        gate = TruthGate(done=done, references=[item["reference"] for item in listed if "reference" in item])
        return gate.release(text) + gate.finish(self.language)

    def _run(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        if call.name == "fetch_patient_info":
            return self._identify(arguments)
        if call.name == "create_patient":
            return self._register(arguments)
        if call.name == "find_slots":
            names = {"specialties": ["Cardiología", "Medicina general"]}
            return {"slots": self.slots} if self.slots else {"slots": [], "alternatives": []} | names
        if call.name == "propose_appointment":
            slot = next(slot for slot in self.slots if slot["slot_id"] == arguments["slot_id"])
            return {**slot, "appointment_id": f"hold-{slot['slot_id']}", "status": "pending"}
        if call.name == "list_appointments":
            return {"appointments": self.own, "recent": []}
        return {"appointment_id": arguments["appointment_id"], "status": "booked", "label": "DONE"}

    def _identify(self, arguments: dict[str, Any]) -> dict[str, Any]:
        told = (arguments["document_type"], arguments["document_number"].replace(".", ""), arguments["birth_date"])
        if told != self.known:
            return {"error": {"code": "IDENTITY_NOT_MATCHED", "message": "NOT MATCHED."}}
        self.identified = True
        return {"identified": True, "first_name": "Laura"}

    def _register(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.consent:
            self.consent = True
            return {"error": {"code": "CONSENT_REQUIRED", "message": "Ask."}, "question": "CONSENT?"}
        self.identified = True
        return {"identified": True, "first_name": arguments["full_name"].split()[0], "registered": True}
