"""Emergencies, recognised by rules before any model is asked; works with every provider down."""

import re

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from healthmate.common.text import fold

# Matched on folded text (lower case, no accents). Each is what a person writes, in Spanish and in English.
_SIGNS = {
    "chest_pain": (
        r"(?:dolor|opresion|presion|punzada) (?:muy |bien )?(?:fuerte |intens[ao] |agud[ao] )?(?:en|de) (?:el |mi )?pecho",
        r"(?:me )?(?:duele|oprime|aprieta) (?:mucho |muy fuerte )?(?:el|mi) pecho",
        r"infarto",
        r"ataque (?:al corazon|cardiaco)",
        r"chest (?:pain|pressure|tightness|hurts?|is hurting)|(?:pain|pressure|tightness) in (?:my |the |her |his )?chest",
        r"heart attack",
    ),
    "stroke": (
        r"derrame cerebral|accidente cerebrovascular|ictus|embolia cerebral",
        r"(?:se me |me |se le )?(?:torcio|torcida|caida|durmio|paralizo) (?:la |media |un lado de la )?(?:cara|boca)",
        r"no (?:puedo|puede) (?:hablar|mover (?:el|un|la mitad del?) (?:brazo|lado|cuerpo|pierna))",
        r"(?:having|had|has|is having|think it'?s|it'?s) a stroke|signs? of (?:a )?stroke",
        r"(?:face|mouth) (?:is |has )?droop\w*",
        r"(?:can'?t|cannot|can not|unable to) (?:speak|move (?:my|his|her|one) (?:arm|leg|side|face))|slurred speech",
    ),
    "suicide": (
        r"(?:quiero|voy a|pienso en|ganas de|deseo|prefiero) (?:morir(?:me)?|matarme|suicidarme|quitarme la vida)",
        r"suicid(?:arme|io)|quitarme la vida|acabar con mi vida|no quiero (?:seguir )?vivi(?:r|endo)",
        r"(?:want|going|wish|plan|thinking of|thinking about) (?:to )?(?:die|dying|kill(?:ing)? myself|end(?:ing)? my life)",
        r"suicid(?:al|e)|kill myself|end my life|don'?t want to (?:live|be alive)|hurt(?:ing)? myself",
    ),
    "bleeding": (
        r"(?:sangr\w+|hemorragia)[^.!?]{0,30}(?:mucho|mucha|abundante|no para|no se detiene|a chorros|sin parar)",
        r"(?:mucha sangre|vomit\w+ (?:con )?sangre|hemorragia (?:fuerte|grave|abundante|interna))",
        r"bleed\w*[^.!?]{0,30}(?:heavily|a lot|badly|won'?t stop|not stopping|nonstop|non-stop|profusely)",
        r"(?:heavy|severe|uncontrolled) bleeding|(?:vomiting|coughing(?: up)?|throwing up) blood",
    ),
    "anaphylaxis": (
        r"anafila\w+|shock alergico",
        r"(?:se me|se le) (?:cierra|esta cerrando|inflama|hincha|hincho) la (?:garganta|lengua)",
        r"anaphyla\w+|(?:throat|tongue) (?:is )?(?:closing|swelling|swollen)",
    ),
    "breathing": (
        r"no (?:puedo|puede|logro) respirar|me (?:ahogo|asfixio)|(?:mucha|gran) dificultad (?:para|al) respirar",
        r"(?:can'?t|cannot|can not|unable to) breathe|(?:struggling|hard) to breathe|chok(?:ing|es)\b",
    ),
    "unconscious": (
        r"(?:esta|quedo|perdio) (?:inconsciente|el conocimiento|la conciencia)|no (?:reacciona|responde|despierta)\b",
        r"convulsion\w*|convulsiona\w*",
        r"unconscious|not (?:responding|waking up)|won'?t wake up|(?:having|has) a seizure|passed out",
    ),
    "poisoning": (
        r"sobredosis|(?:tome|trago|tomo) (?:veneno|cloro|lejia|muchas pastillas)|envenena\w+",
        r"overdos\w+|(?:took|swallowed) (?:poison|bleach|too many pills)|poisoned",
    ),
}

_PATTERNS = {sign: re.compile("|".join(f"(?:{p})" for p in patterns)) for sign, patterns in _SIGNS.items()}

# What comes before the sign in the same clause and takes it back: denied, long past, or only asked about.
_DENIED = re.compile(
    r"(?:\b(?:no|ni|nunca|jamas|sin|tampoco|niego|niega|descarta\w*)\b(?:\s+(?:he|ha|me|se|le|la|el|un|una|los|las|ya|"
    r"tengo|tiene|tuve|tenido|siento|sentido|presento|hay|hubo|sufri|sufro|sufrido|estoy|esta|es|fue|mas|ningun|"
    r"ninguna|he tenido))*\s*|"
    r"\b(?:no|not|never|without|denies|deny|isn'?t|wasn'?t|don'?t|doesn'?t|didn'?t|haven'?t|hasn'?t|nor)\b"
    r"(?:\s+(?:a|an|any|the|have|has|had|feel|feeling|felt|having|been|it'?s|my|more|i|am|experiencing|experience|of|"
    r"signs?|or))*\s*)$"
)
_PAST_OR_RELATIVE = re.compile(
    r"\b(?:hace (?:\d+|un|una|dos|tres|muchos|varios) (?:anos?|mes(?:es)?)|el ano pasado|antecedentes?|"
    r"(?:\d+|a|one|two|three|many|several) (?:years?|months?) ago|last year|history of)\b"
)
_CLAUSE = re.compile(r"[.;!?\n]|,?\s\b(?:pero|aunque|but|however|though)\b\s")


def red_flags(text: str) -> list[str]:
    """The emergencies that `text` speaks of as present: names of signs, empty when there is none."""
    clauses = [clause for clause in _CLAUSE.split(fold(text)) if clause]
    return [sign for sign, pattern in _PATTERNS.items() if any(_speaks_of(pattern, clause) for clause in clauses)]


def emergency_answer(text: str, language: str) -> str | None:
    """What to say at once when `text` speaks of an emergency, else None."""
    signs = red_flags(text)
    if not signs:
        return None
    with override(language):
        answer = _(
            "This may be an emergency. Call {number} now, or go to the nearest emergency department. "
            "Do not wait for an answer here. If you can, do not stay alone. "
            "I am letting the clinic's staff know about your message."
        )
        if "suicide" in signs:
            answer += " " + _("You matter, and there is help right now: the people at {number} will listen to you.")
        return answer.format(number=settings.EMERGENCY_NUMBER)


def _speaks_of(pattern: re.Pattern[str], clause: str) -> bool:
    return any(
        not _DENIED.search(clause[: match.start()])
        and not (_PAST_OR_RELATIVE.search(clause) and not re.search(r"\b(?:ahora|hoy|now|today)\b", clause))
        for match in pattern.finditer(clause)
    )
