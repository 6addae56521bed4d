"""Five hundred planted values over everything that is stored: a search of every byte finds none."""

import logging
from pathlib import Path
from random import Random

import pytest

from benchmarks.masking_truth.planted import plant
from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings

SHORT = 4
"""Values of so few characters, as a CVV, are anywhere by chance."""


def test_no_planted_value_is_in_any_byte_of_the_store_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    planted = Random(11).sample(list(plant(11, 6)), 500)
    assert len({(each.kind, each.name) for each in planted}) > 40
    with Agent(AgentSettings(tmp_path, masks_documents=True, is_reviewing=True)) as agent:
        for first in range(0, len(planted), 5):  # few rows: each waits for the disk
            five = "\n\n".join(each.text for each in planted[first : first + 5])
            agent.add_feedback(NewFeedback(five, is_helpful=True))
            agent.feedback.queue(five, "abstained", None, 0.1, "ab" * 32)
        text = "\n\n".join(each.text for each in planted)
        agent.add_document("casos.txt", text.encode(), DocumentFormat.TEXT, title=planted[0].text)
        for each in planted[::50]:
            agent.questions.query(each.text)
        while_open = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everything = while_open + stored + caplog.text.encode()
    values = [each.text[each.start : each.end] for each in planted]
    left = [value for value in values if len(value) > SHORT and value.encode() in everything]
    assert left == []


@pytest.mark.parametrize("field", ["intent", "customer"])
def test_a_name_that_is_a_checked_value_is_refused(tmp_path: Path, field: str) -> None:
    values = {each.text[each.start : each.end] for each in plant(12, 2) if each.is_checked and each.kind != "account"}
    taken = []
    with Agent(AgentSettings(tmp_path)) as agent:
        for value in sorted(values):
            named = (
                NewFeedback("q", is_helpful=True, intent=value)
                if field == "intent"
                else NewFeedback("q", is_helpful=True, customer=value)
            )
            try:
                agent.add_feedback(named)
                taken.append(value)
            except InputInvalid as error:
                assert value not in str(error)
    assert len(taken) <= 0.1 * len(values), taken  # some are plain digits that only their word tells
    rows = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert not [value for value in values - set(taken) if value.encode() in rows]
