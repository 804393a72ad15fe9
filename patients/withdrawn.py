"""Records that were entered in error: they are kept, and never shown, searched or counted."""

from django.db.models import Q

from patients.fhir.prose import ERROR


def is_withdrawn() -> Q:
    """A record that was entered in error, as `fhir.prose.is_an_error` tells it from the JSON; negate it by Exists."""
    return Q(negated=True) & (
        Q(status=ERROR)
        | Q(resource__verificationStatus=ERROR)
        | Q(resource__verificationStatus__coding__contains=[{"code": ERROR}])
    )
