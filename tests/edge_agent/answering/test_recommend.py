"""Recommendations: what is near the latest, unlike itself, and never what one started from."""

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import DocumentUnknown, InputInvalid
from edge_agent.ingest.parsing.document_format import DocumentFormat
from tests.conftest import ROOT

ARTICLES = {
    "refunds.md": "# Refunds\n\nA refund is paid back to the card within ten working days.\n",
    "refunds-2.md": "# Money back\n\nMoney is paid back to your card in ten working days, as a refund.\n",
    "invoices.md": "# Invoices\n\nInvoices are issued ten days before the renewal and stay in the panel.\n",
    "backups.md": "# Backups\n\nBackups are made every night and files can be restored from the panel.\n",
    "dns.md": "# DNS records\n\nAn A record points a domain to an address; changes take five minutes.\n",
}


@pytest.fixture
def filled(agent: Agent) -> Agent:
    for source, text in ARTICLES.items():
        agent.add_document(source, text.encode(), DocumentFormat.MARKDOWN)
    return agent


def offered(agent: Agent, *texts: str, source: str | None = None, count: int = 2, diversity: float = 0.0) -> list[str]:
    return [d.source for d in agent.lookup.recommend(texts, source=source, count=count, diversity=diversity)]


def test_a_ticket_gets_the_articles_about_it(filled: Agent) -> None:
    assert set(offered(filled, "I want my money back on my card")) == {"refunds.md", "refunds-2.md"}


def test_the_latest_message_weighs_most(filled: Agent) -> None:
    history = ["Where is my invoice?", "My files are gone, can I restore a backup?"]
    assert offered(filled, *history)[0] == "backups.md"
    assert offered(filled, *reversed(history))[0] == "invoices.md"


def test_variety_keeps_two_articles_on_the_same_apart(filled: Agent) -> None:
    plain = offered(filled, "refund to my card and the invoice", count=3)
    varied = offered(filled, "refund to my card and the invoice", count=2, diversity=0.6)
    assert {"refunds.md", "refunds-2.md"} <= set(plain)
    assert not {"refunds.md", "refunds-2.md"} <= set(varied)


def test_a_document_is_not_offered_beside_itself(filled: Agent) -> None:
    near = offered(filled, source="refunds.md", count=5)
    assert near[0] == "refunds-2.md"
    assert "refunds.md" not in near


def test_nothing_to_start_from_is_refused(filled: Agent) -> None:
    with pytest.raises(InputInvalid, match="nothing to start from"):
        filled.lookup.recommend([])
    with pytest.raises(InputInvalid, match="text is empty"):
        filled.lookup.recommend([" "])
    with pytest.raises(DocumentUnknown):
        filled.lookup.recommend([], source="nothing.md")


def test_an_empty_base_offers_nothing(agent: Agent) -> None:
    assert agent.lookup.recommend(["anything"]) == []


def test_the_article_in_the_language_of_the_ticket_is_offered_before_its_twin(agent: Agent) -> None:
    for language in ("en", "es"):
        for name in ("hacked-site", "backups-and-restore"):
            content = (ROOT / "demo" / "knowledge_base" / language / f"{name}.md").read_bytes()
            agent.add_document(f"{language}/{name}.md", content, DocumentFormat.MARKDOWN)
    assert offered(agent, "me hackearon la web")[0] == "es/hacked-site.md"
    assert offered(agent, "my website was hacked")[0] == "en/hacked-site.md"
    near = offered(agent, source="es/hacked-site.md", count=3)
    assert near.index("es/backups-and-restore.md") < near.index("en/backups-and-restore.md")


def test_the_words_of_the_ticket_count_beside_its_meaning(agent: Agent) -> None:
    cards = b"# When a card is refused\n\nA card is refused when the bank does not accept the payment.\n"
    agent.add_document("cards.md", cards, DocumentFormat.MARKDOWN)
    lamp = b"# Lumina\n\nThe lamp Lumina blinks three times when it is ready.\n"
    agent.add_document("lumina.md", lamp, DocumentFormat.MARKDOWN)
    near = agent.lookup.recommend(["my payment for Lumina failed"], diversity=0)
    assert [d.source for d in near] == ["lumina.md", "cards.md"]
    assert near[0].similarity < near[1].similarity
