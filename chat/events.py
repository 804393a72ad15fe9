"""What a run emits: one typed union, numbered, independent of any transport (design, section 2)."""

import msgspec


class RunEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of the union: `seq` counts 1, 2, 3 ... within `run_id` without gaps."""

    run_id: str
    seq: int


class Usage(msgspec.Struct, frozen=True):
    """Tokens that a run spent."""

    input_tokens: int = 0
    output_tokens: int = 0


class RunStarted(RunEvent, frozen=True, kw_only=True, tag="run.started"):
    """The run has begun."""

    thread_id: str


class StatusChanged(RunEvent, frozen=True, kw_only=True, tag="run.status"):
    """What the run is busy with."""

    status: str


class TokenDelta(RunEvent, frozen=True, kw_only=True, tag="run.delta"):
    """The next piece of the answer."""

    text: str


class ToolCalled(RunEvent, frozen=True, kw_only=True, tag="tool.called"):
    """A tool begins."""

    name: str


class ToolFinished(RunEvent, frozen=True, kw_only=True, tag="tool.finished"):
    """A tool ended; `code` is set when it refused."""

    name: str
    ok: bool
    code: str | None = None


class AnswerStarted(RunEvent, frozen=True, kw_only=True, tag="answer.started"):
    """The first piece of an answer about a record comes next; `at` is ISO 8601 UTC."""

    at: str


class AnswerEnded(RunEvent, frozen=True, kw_only=True, tag="answer.ended"):
    """There are no more pieces; `at` is ISO 8601 UTC."""

    at: str


class PatientInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Whose record was asked about."""

    patient_id: int
    full_name: str
    document_type: str
    document_number: str


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A record that an answer cites; `marker` is as it stands in the text, `date` ISO 8601 where it is known."""

    marker: str
    record_id: int
    resource_type: str
    date: str | None
    text: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer about a record rests on; `confidence` is the share of its sentences that cite a record.

    `patient` is missing when the run ended before it was known who is meant.
    """

    at: str
    patient: PatientInfo | None = None
    model: str = ""
    confidence: float = 0.0
    citations: list[Citation] = []
    records_analyzed: int = 0
    chunks_used: int = 0


class RunCompleted(RunEvent, frozen=True, kw_only=True, tag="run.completed"):
    """The answer is whole and stored; `text` is all deltas joined."""

    message_id: str
    text: str
    evidence: Evidence | None = None
    usage: Usage = Usage()
    flags: list[str] = []


class RunFailed(RunEvent, frozen=True, kw_only=True, tag="run.failed"):
    """The run ended without its answer; what had been written is stored as `message_id`, if anything."""

    code: str
    message: str
    retryable: bool
    message_id: str | None = None
    text: str = ""
    flags: list[str] = []


class RunCancelled(RunEvent, frozen=True, kw_only=True, tag="run.cancelled"):
    """Somebody stopped the run; what had been written is kept."""

    message_id: str | None = None
    text: str = ""
    evidence: Evidence | None = None
    flags: list[str] = []


TerminalEvent = RunCompleted | RunFailed | RunCancelled
AnyRunEvent = (
    RunStarted | StatusChanged | AnswerStarted | TokenDelta | AnswerEnded | ToolCalled | ToolFinished | TerminalEvent
)
