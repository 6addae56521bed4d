"""API keys over HTTP, for the scope `admin`: made, listed, rotated, revoked."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, Field

from edge_agent.access.key_file import KeyFile
from edge_agent.access.keys import MAX_NAME_CHARS, ApiKey, NewKey
from edge_agent.access.scopes import Scope
from edge_agent.http.problems import Request, describe

_MAX_OVERLAP_HOURS = 24 * 90


class KeyRequest(Request):
    """A key to be made."""

    name: str = Field(max_length=MAX_NAME_CHARS, description="By which staff know it.", examples=["intranet search"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope), description="What it opens.")]
    expires_at: AwareDatetime | None = Field(default=None, description="When it ends; without it, never.")


class RotateRequest(Request):
    """How a key is replaced."""

    overlap_hours: Annotated[
        float, Field(ge=0, le=_MAX_OVERLAP_HOURS, description="For which the former key goes on opening.")
    ] = 0


class ShownKey(BaseModel):
    """A key without its secret."""

    key_id: str
    name: str
    scopes: list[Scope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    is_active: bool

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """The key as it is shown."""
        shown = {name: getattr(key, name) for name in cls.model_fields if name != "is_active"}
        return cls(**shown, is_active=key.is_active(datetime.now(UTC)))


class KeyMade(BaseModel):
    """A new key: `secret` is what callers send, and is never shown again."""

    key: ShownKey
    secret: str

    @classmethod
    def of(cls, made: NewKey) -> Self:
        """The response for a new key."""
        return cls(key=ShownKey.of(made.key), secret=made.secret)


class KeyList(BaseModel):
    """All keys in the order in which they were made, those that ended included."""

    keys: list[ShownKey]


def add_key_routes(app: FastAPI, keys: KeyFile) -> None:
    """Adds the routes of keys."""
    wrong = describe(HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    unknown = describe(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.get("/v1/keys", tags=["keys"])
    def list_keys() -> KeyList:
        """Lists the keys, without their secrets."""
        return KeyList(keys=[ShownKey.of(key) for key in keys.all()])

    @app.post("/v1/keys", tags=["keys"], status_code=201, responses=wrong)
    def create_key(request: KeyRequest) -> KeyMade:
        """Makes a key. Its secret is in this response alone."""
        now = datetime.now(UTC)
        return KeyMade.of(keys.create(request.name, tuple(request.scopes), now=now, expires_at=request.expires_at))

    @app.post("/v1/keys/{key_id}/rotate", tags=["keys"], status_code=201, responses=unknown)
    def rotate_key(key_id: str, request: RotateRequest) -> KeyMade:
        """Makes a key with the same name, scopes and end in place of one, which ends now or after the overlap."""
        return KeyMade.of(keys.rotate(key_id, now=datetime.now(UTC), overlap_hours=request.overlap_hours))

    @app.delete("/v1/keys/{key_id}", tags=["keys"], status_code=204, responses=unknown)
    def revoke_key(key_id: str) -> None:
        """Ends a key, at once and for good."""
        keys.revoke(key_id, now=datetime.now(UTC))
