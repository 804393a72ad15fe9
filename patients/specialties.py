"""What patients call the specialties, and how a clinic writes them."""

from collections.abc import Iterable

from healthmate.common.text import fold

# Each line (an indented one goes on): how Spanish and English speakers ask for one specialty, in folded text.
_NAMES = """
medicina general|medico general|medico de cabecera|medico de familia|medicina familiar|general|familiar|
    general medicine|general practice|general practitioner|gp|family medicine|family doctor|primary care
pediatria|pediatra|pediatrics|pediatrician|ninos|children
cardiologia|cardiologo|cardiologa|cardiology|cardiologist|corazon|heart
dermatologia|dermatologo|dermatologa|dermatology|dermatologist|piel|skin
ginecologia|ginecologo|ginecologa|ginecologia y obstetricia|obstetricia|gynecology|gynaecology|
    gynecologist|gynaecologist|obstetrics|ob gyn|obgyn
psicologia|psicologo|psicologa|psychology|psychologist|terapia|therapy|therapist|counselling|
    counseling
psiquiatria|psiquiatra|psychiatry|psychiatrist
odontologia|odontologo|odontologa|dentista|dentistry|dental|dentist|dientes|muelas|teeth
oftalmologia|oftalmologo|oftalmologa|ophthalmology|ophthalmologist|ojos|eyes|eye doctor
optometria|optometra|optometry|optometrist
ortopedia|ortopedista|traumatologia|traumatologo|ortopedia y traumatologia|orthopedics|orthopaedics|
    orthopedist|huesos|bones
neurologia|neurologo|neurologa|neurology|neurologist
endocrinologia|endocrinologo|endocrinologa|endocrinology|endocrinologist
gastroenterologia|gastroenterologo|gastroenterologa|gastroenterology|gastroenterologist|estomago|stomach
urologia|urologo|urologa|urology|urologist
otorrinolaringologia|otorrinolaringologo|otorrino|ent|otolaryngology|otolaryngologist
neumologia|neumologo|neumologa|pulmonology|pulmonologist|pneumology|pulmones|lungs
nefrologia|nefrologo|nefrologa|nephrology|nephrologist
oncologia|oncologo|oncologa|oncology|oncologist
reumatologia|reumatologo|reumatologa|rheumatology|rheumatologist
medicina interna|internista|internal medicine|internist
nutricion|nutricionista|nutricion y dietetica|dietista|nutrition|nutritionist|dietitian
fisioterapia|fisioterapeuta|physiotherapy|physiotherapist|physical therapy|physical therapist
enfermeria|enfermera|enfermero|nursing|nurse
cirugia|cirujano|cirujana|cirugia general|surgery|surgeon|general surgery
laboratorio|laboratory|lab|analisis|blood test
vacunacion|vacunas|vacuna|vaccination|vaccines|vaccine
"""
_GROUPS = tuple(frozenset(line.split("|")) for line in _NAMES.replace("\n    ", "").strip().splitlines())


def matching_specialties(asked: str, offered: Iterable[str]) -> list[str]:
    """The offered specialties that somebody means who asks for `asked`, in Spanish or English."""
    wanted = fold(asked)
    group = next((names for names in _GROUPS if wanted in names), None) or _named_within(wanted)
    return [specialty for specialty in offered if _means(fold(specialty), wanted, group)]


def _named_within(words: str) -> frozenset[str]:
    """The specialty that longer words speak of ("una cita con el cardiólogo")."""
    padded = f" {words} "
    within = ((len(name), names) for names in _GROUPS for name in names if f" {name} " in padded)
    return max(within, key=lambda found: found[0], default=(0, frozenset[str]()))[1]


def _means(specialty: str, wanted: str, group: frozenset[str]) -> bool:
    if not wanted or not specialty:
        return False
    return specialty in group or f" {wanted} " in f" {specialty} " or (not group and f" {specialty} " in f" {wanted} ")
