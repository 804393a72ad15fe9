"""Joins the text of a broken attempt with that of the attempt that replaces it."""


class Replay:
    """Gives out text once: a retry that says the same continues where the last attempt broke.

    A model need not repeat itself. Once a retry differs from what was already given out, its whole
    answer follows in a new paragraph: nothing is lost, and nothing that was shown is taken back.
    """

    def __init__(self) -> None:
        self._given = ""
        self._again: str | None = None  # what the current retry has said while it repeats `_given`

    def restart(self) -> None:
        """A new attempt begins."""
        self._again = "" if self._given else None

    def fresh(self, text: str) -> str:
        """The part of `text` that nobody has seen yet."""
        if self._again is not None:
            text = self._unseen(self._again + text)
        self._given += text
        return text

    def _unseen(self, again: str) -> str:
        if self._given.startswith(again):
            self._again = again
            return ""
        self._again = None
        return again.removeprefix(self._given) if again.startswith(self._given) else f"\n\n{again}"
