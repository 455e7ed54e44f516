"""Experts that reply live what a table says they would, for tests."""

from __future__ import annotations

from fakes import ScriptedExpert, says

from der_core.recording.table import Table
from der_core.records import Label, Question, Reply


class TableExpert(ScriptedExpert):
    """The expert of one column of a table."""

    def __init__(self, table: Table, expert: int) -> None:
        super().__init__(table.experts[expert], says(Label.YES))
        self._table, self._expert = table, expert

    def ask(self, question: Question, previous_label: Label) -> Reply:
        self.asked.append((question.id, previous_label))
        at = (int(self._table.rows_of([question.id])[0]), self._expert, int(previous_label))
        seconds = [float(getattr(self._table, name)[at]) for name in ("load_s", "prompt_s", "generation_s", "wall_s")]
        counts = [int(getattr(self._table, name)[at]) for name in ("prompt_tokens", "cached_tokens", "generated_tokens")]
        label = Label(int(self._table.labels[at]))
        return Reply(label.word, label, float(self._table.p_yes[at]), *seconds, *counts, self.spec.digest)


def table_experts(table: Table) -> list[TableExpert]:
    return [TableExpert(table, expert) for expert in range(table.n_experts)]
