"""Every word that is sent to an expert: the first prompt and the Knowledge Transfer Prompt.

The Knowledge Transfer Prompt (DER paper, section 3; our own wording) is the first prompt with the previous
answer shown as another model's advice. What differs between previous labels comes after passage and question,
so that a server that keeps the prefix of its last prompt evaluates a question's later prompts almost for free.
"""

from __future__ import annotations

from typing import get_args

from der_core.config import ASKED_ONCE, Style
from der_core.experts.protocol import Messages
from der_core.records import Label, Question

PROMPT_VERSION = 1
"""Raised with every change of wording: recordings of different versions are not comparable."""

_EXAMPLES = """\
Passage: The reading room opens at nine on weekdays and at eleven on Saturdays. Maps are kept downstairs and may not be borrowed.

Question: Is the reading room open at ten on a Saturday?

Answer: no

Question: Is a kilometre longer than a hundred metres?

Answer: yes

Passage: Nilu baked two loaves on Friday. She gave the larger one to her aunt and sold the other at the market.

Question: Did Nilu's aunt get the larger loaf?

Answer: yes

Question: Does the word "garden" begin with the letter D?

Answer: no"""
"""What style `examples` shows before it asks: with and without passage, one of each answer."""

_PROGRAMS = """\
Question: Are 27 and 18 together equal to 45?
```python
print("yes" if 27 + 18 == 45 else "no")
```

Question: Is N letter number 5 of the word "lantern"?
```python
print("yes" if "lantern".upper()[5 - 1] == "N" else "no")
```

Question: Does the word "pepper" have exactly three letters P?
```python
print("yes" if "pepper".upper().count("P") == 3 else "no")
```

Question: A ferry leaves at 09:40 and sails for 135 minutes. Is it in port before 12:00?
```python
arrival = 9 * 60 + 40 + 135
print("yes" if arrival < 12 * 60 else "no")
```

Question: Is 2 July the date 10 days after 23 June?
```python
from datetime import date, timedelta
print("yes" if date(2023, 6, 23) + timedelta(days=10) == date(2023, 7, 2) else "no")
```

Question: Do June and August have 62 days between them?
```python
days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
print("yes" if days[6 - 1] + days[8 - 1] == 62 else "no")
```

Question: Does 35 degrees Celsius equal 95 degrees Fahrenheit?
```python
fahrenheit = 35 * 9 / 5 + 32
print("yes" if abs(fahrenheit - 95) < 0.001 else "no")
```

Question: Is 8 the third smallest of 8, 6, 1 and 3?
```python
numbers = [8, 6, 1, 3]
print("yes" if sorted(numbers)[3 - 1] == 8 else "no")
```"""
"""What style `program` shows before it asks: small models copy the form, and one line goes wrong least."""

_ROLE: dict[Style, str] = {
    "direct": "You answer questions with one word: yes or no.",
    "reason": "You answer yes/no questions. Your reply has two lines: first a reason, then the answer, yes or no.",
    "examples": f"You answer questions with one word: yes or no. Four examples:\n\n{_EXAMPLES}",
    "program": f"You answer questions by writing a short Python program that prints yes or no. Write the program and nothing else.\n\n{_PROGRAMS}",
}
_CLOSING: dict[Style, str] = {
    "direct": "Answer with one word, yes or no.",
    "reason": "Reply in two lines:\nReason: (one short sentence)\nAnswer: (yes or no)",
    "examples": "Answer with one word, yes or no.",
    "program": "Write the program.",
}
_ADVICE: dict[Label, str] = {
    Label.YES: "Another model thinks that the answer is yes. What is your own answer?",
    Label.NO: "Another model thinks that the answer is no. What is your own answer?",
    Label.INVALID: "Another model gave an answer that was neither yes nor no. What is your own answer?",
}

OWN_SENTENCES = (
    *_ADVICE.values(),
    *(line for closing in _CLOSING.values() for line in closing.splitlines()),
    *(role.partition("\n")[0] for role in _ROLE.values()),
)
"""What a model repeats when it sends our prompt back; passages and questions are left out, examples too."""


def build_messages(question: Question, previous_label: Label, style: Style) -> Messages:
    """The prompt for one call: a system message with the task, a user message with the question.

    `previous_label` NONE gives the first prompt, any other label the Knowledge Transfer Prompt. Styles that are
    asked once are shown no advice: all their prompts are the first one.
    """
    passage = [f"Passage: {question.passage.strip()}"] if question.passage else []
    advice = [_ADVICE[previous_label]] if previous_label in _ADVICE and style not in ASKED_ONCE else []
    parts = [*passage, f"Question: {_as_sentence(question.text)}", *advice, _CLOSING[style]]
    return ("system", _ROLE[style]), ("user", "\n\n".join(parts))


def show_prompts() -> str:
    """All prompts in full, with placeholders for passage and question, as people read them."""
    question = Question(id="placeholder", text="<question>", passage="<passage>")
    return "\n\n".join(_shown(question, label, style) for style in get_args(Style) for label in Label)


def _shown(question: Question, label: Label, style: Style) -> str:
    when = "first prompt" if label is Label.NONE else f"after the label {label.word}"
    messages = "\n".join(f"[{role}]\n{text}" for role, text in build_messages(question, label, style))
    return f"=== style {style}, {when} ===\n{messages}"


def _as_sentence(text: str) -> str:
    # BoolQ's questions come in lower case and without a question mark.
    bare = text.strip().rstrip("?").rstrip()
    return bare[:1].upper() + bare[1:] + "?"
