"""Feedback over HTTP: judgements of answers, the queue of what waits to be reviewed, and forgetting."""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.forgetting import Asked, Receipt
from edge_agent.http.problems import Request, describe
from edge_agent.judging import MAX_CITED
from edge_agent.storage.feedback import Review
from edge_agent.storage.records import MAX_ID


class FeedbackRequest(Request):
    """A judgement of an answer; at least one of is_helpful, intent and source."""

    text: str = Field(description="The question or message, as it was asked; identifiers are masked before writing.")
    is_helpful: bool | None = Field(default=None, description="Whether the answer was.")
    intent: str | None = Field(default=None, description="The right intent; a new one may be named.")
    source: str | None = Field(default=None, description="The source of the right document.")
    root: str | None = Field(default=None, description="Its root, where documents of several roots have that source.")
    customer: str | None = Field(default=None, description="A pseudonym, the same for the same customer.")
    review_id: int | None = Field(default=None, description="The queued item that this answers.")
    cited: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None,
        Field(
            max_length=MAX_CITED,
            description="The document_id of each document that the answer cited; without it, what it cites now.",
        ),
    ] = None


class ForgetRequest(Request):
    """A request to forget a customer or words."""

    customer: str | None = Field(default=None, description="The pseudonym that feedback was given with.")
    words: str | None = Field(default=None, description="A word or phrase; whole, without regard to case and accents.")
    keeps_documents: bool = Field(default=False, description="Whether documents that hold the words stay.")
    is_trial: bool = Field(default=False, description="Whether everything is counted only.")


class FeedbackAccepted(BaseModel):
    """The feedback is on disk."""

    feedback_id: int


class ReviewList(BaseModel):
    """Queued items, oldest first; `next` is the value of `after` for the next page, null on the last."""

    reviews: list[Review]
    next: int | None


def add_feedback_routes(app: FastAPI, agent: Agent) -> None:
    """Adds the routes of feedback, of the review queue, and of forgetting."""
    responses = describe(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )

    @app.post("/v1/feedback", tags=["feedback"], status_code=201, responses=responses)
    def add_feedback(request: FeedbackRequest) -> FeedbackAccepted:
        """Accepts a judgement of an answer. When this answers, it is on disk, masked, and counts from then on."""
        return FeedbackAccepted(feedback_id=agent.add_feedback(NewFeedback(**request.model_dump())))

    @app.post("/v1/forget", tags=["feedback"], responses=responses)
    def forget(request: ForgetRequest) -> Receipt:
        """Forgets a customer or words: feedback, reviews, documents, records, memory. The receipt holds no content."""
        return agent.forget(Asked(**request.model_dump()))

    @app.get("/v1/review", tags=["feedback"], responses=describe(HTTPStatus.UNPROCESSABLE_ENTITY))
    def list_reviews(
        after: Annotated[int, Query(ge=0, le=MAX_ID, description="Items with a later id.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> ReviewList:
        """Lists what the agent was unsure of and nobody has answered; feedback with its review_id answers an item."""
        reviews = agent.feedback.pending(after=after, limit=limit)
        return ReviewList(reviews=reviews, next=reviews[-1].review_id if len(reviews) == limit else None)
