"""References: urn:uuid, relative, absolute, contained, conditional, by identifier only, or by words only."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from patients.fhir.shapes import Json, as_dict, as_list, as_text, dicts

HISTORY = re.compile(r"/_history/[^/]*$")
REST = re.compile(r"^(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#|]+)$")
UUID = re.compile(r"^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$", re.IGNORECASE)
URN = re.compile(r"^urn:(uuid|oid):(.+)$", re.IGNORECASE)

# Where a resource says whom it is about, in the order in which it is asked.
OWNER_FIELDS = ("subject", "patient", "beneficiary", "for", "individual", "candidate", "deliverFor", "securityContext")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One reference taken apart; every part may be empty."""

    url: str = ""
    type: str = ""
    system: str = ""
    number: str = ""
    words: str = ""
    identifier: Json = field(default_factory=dict, hash=False, compare=False)

    @property
    def contained(self) -> str:
        """The local id of a contained resource (`#p1`)."""
        return self.url[1:] if self.url.startswith("#") else ""

    @property
    def names_something(self) -> bool:
        """False when all there is are words, which find nobody."""
        return bool(self.url or self.number)


def is_uuid(text: str) -> bool:
    """Whether an id is unique in the world, and not only on one server."""
    return bool(UUID.match(text))


def canonical(url: str) -> str:
    """A reference as it is compared: no version, urn in lower case."""
    url = HISTORY.sub("", url.strip())
    return url.lower() if URN.match(url) else url


def parse(value: Any) -> Reference:
    """A Reference element, or its url where a string stands in its place."""
    item = value if isinstance(value, dict) else {"reference": value}
    url, kind = canonical(as_text(item.get("reference"))), as_text(item.get("type")).rsplit("/", 1)[-1]
    identifier = as_dict(item.get("identifier"))
    system, number = as_text(identifier.get("system")), as_text(identifier.get("value"))
    path, _, query = url.partition("?")
    if query:
        asked = parse_qs(query)
        token = unquote(asked.get("identifier", [""])[0])
        found_system, bar, found_number = token.partition("|")
        kind = kind or path.rsplit("/", 1)[-1]
        system, number = (found_system, found_number) if bar else ("", token) if token else (system, number)
        identifier = {"system": system, "value": number}
        # Any other search is kept as it stands: it finds nobody, and the reason shows it.
        url = f"{path}/{asked['_id'][0]}" if "_id" in asked else "" if number else url
    elif match := REST.match(url):
        kind = match["type"]
    words = as_text(item.get("display"))
    return Reference(url=url, type=kind, system=system, number=number, words=words, identifier=identifier)


def owners(resource: Json) -> list[Reference]:
    """Every reference by which a resource says whom it is about."""
    values = [value for name in OWNER_FIELDS for value in as_list(resource.get(name))]
    return [parse(value) for value in values if isinstance(value, dict | str) and value]


def participants(resource: Json) -> list[Reference]:
    """Who takes part in an appointment, the patient among others."""
    values = [part.get("actor") for part in dicts(resource.get("participant"))] + as_list(resource.get("actor"))
    return [parse(value) for value in values if isinstance(value, dict | str) and value]


def names_of(resource_type: str, resource_id: str, full_url: str) -> list[str]:
    """The references by which an entry may be called, the most certain first."""
    full_url = canonical(full_url)
    names = [full_url] if full_url else []
    if resource_id:
        names += [f"urn:uuid:{resource_id.lower()}"] if is_uuid(resource_id) else []
        names.append(f"{resource_type}/{resource_id}")
    if match := REST.match(full_url):
        names.append(f"{match['type']}/{match['id']}")
    if (urn := URN.match(full_url)) and is_uuid(urn[2]):
        names.append(f"{resource_type}/{urn[2]}")
    return list(dict.fromkeys(names))


def lookups(reference: Reference, base: str, kind: str = "Patient") -> list[str]:
    """What to look for when a reference is followed from an entry whose server is `base`, best first."""
    url = reference.url
    names = [url]
    if match := REST.match(url):
        own = f"{match['type']}/{match['id']}"
        names = [url, own] if match["base"] else [f"{base}/{own}", own] if base else [own]
    elif (urn := URN.match(url)) and is_uuid(urn[2]):
        names.append(f"{kind}/{urn[2]}")
    return [name for name in names if name]


def base_of(full_url: str) -> str:
    """The server part of an absolute fullUrl, else nothing."""
    match = REST.match(canonical(full_url))
    return (match["base"] or "") if match else ""


def id_from(full_url: str) -> str:
    """The id that a fullUrl gives a resource that has none of its own."""
    full_url = canonical(full_url)
    if urn := URN.match(full_url):
        return urn[2]
    match = REST.match(full_url)
    return match["id"] if match else ""
