"""What `/metrics` tells of the conversations."""

from django.db.models import Count

from chat.models import Run

OPEN = (Run.Status.QUEUED, Run.Status.IN_PROGRESS)


def open_runs() -> dict[str, float]:
    """How many runs wait and how many go on, in all processes."""
    counted = Run.objects.filter(status__in=OPEN).order_by().values_list("status").annotate(Count("id"))
    return {status.value: 0.0 for status in OPEN} | {status: float(count) for status, count in counted}
