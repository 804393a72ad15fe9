"""What an import did, counted per type and place by place."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from patients.fhir.files import Entry

Outcome = Literal["created", "updated", "unchanged", "skipped", "quarantined"]


@dataclass
class TypeCount:
    """How many resources of a type were read, and what became of them; `read` is the sum of the rest."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What was quarantined, where it stands and why; `index` and `entry` count from 0."""

    file: str
    index: int | None
    entry: int | None
    type: str
    id: str
    reason: str


@dataclass(kw_only=True)
class ImportSummary:
    """An import's outcome. `patients` are the keys of those whose data changed, for whoever derives from it."""

    files: int = 0
    ignored: list[str] = field(default_factory=list)
    types: defaultdict[str, TypeCount] = field(default_factory=lambda: defaultdict(TypeCount))
    quarantined: list[Refusal] = field(default_factory=list)
    patients: set[int] = field(default_factory=set)
    seconds: float = 0.0

    def count(self, resource_type: str, outcome: Outcome) -> None:
        """One resource of a type was read, and this became of it."""
        count = self.types[resource_type]
        count.read += 1
        setattr(count, outcome, getattr(count, outcome) + 1)

    def recount(self, resource_type: str, *, was: Outcome, outcome: Outcome) -> None:
        """A resource that was counted turned out otherwise."""
        count = self.types[resource_type]
        setattr(count, was, getattr(count, was) - 1)
        setattr(count, outcome, getattr(count, outcome) + 1)

    def refuse(self, entry: Entry, reason: str) -> None:
        """An entry was quarantined; one without a type is a whole file, which no type counts."""
        refusal = Refusal(
            file=entry.file, index=entry.index, entry=entry.inner, type=entry.type, id=entry.id, reason=reason
        )
        self.quarantined.append(refusal)

    @property
    def total(self) -> TypeCount:
        """The sums over all types."""
        names = [item.name for item in fields(TypeCount)]
        return TypeCount(**{name: sum(getattr(count, name) for count in self.types.values()) for name in names})

    @property
    def changed(self) -> int:
        """How many resources this import wrote."""
        return self.total.created + self.total.updated

    def as_dict(self) -> dict[str, Any]:
        """The summary for machines (`--json`)."""
        return {
            "files": self.files,
            "ignored_files": self.ignored,
            "types": {name: asdict(self.types[name]) for name in sorted(self.types)},
            "total": asdict(self.total),
            "quarantined": [asdict(refusal) for refusal in self.quarantined],
            "seconds": round(self.seconds, 2),
        }
