"""Settings of an encoder say what they mean, and hold no key."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from teacher.encoders.settings import EncoderSettings
from tests.teacher.encoders.tiny_encoders import settings_of


@pytest.mark.parametrize(
    ("model", "changes", "kind"),
    [
        ("models/e5", {}, "folder"),
        (Path("models/e5"), {}, "folder"),
        ("models/use.onnx", {"custom_operators": True}, "onnx"),
        ("http://127.0.0.1:8000/v1", {"model_id": "m"}, "endpoint"),
    ],
)
def test_the_kind_is_that_of_the_model(model: Any, changes: dict[str, Any], kind: str) -> None:
    settings = settings_of(model, **changes)
    assert settings.kind == kind
    assert EncoderSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    ("model", "changes", "match"),
    [
        ("folder", {"model_id": "m"}, "model_id means nothing for a model of kind folder"),
        ("folder", {"pooling": "mean"}, "pooling means nothing"),
        ("http://a/v1", {}, "needs model_id"),
        ("http://user:sk-secret@a/v1", {"model_id": "m"}, "may hold no user, key or query"),
        ("http://a/v1", {"model_id": "m", "api_key": "sk-secret"}, "Extra inputs"),
        ("http://a/v1", {"model_id": "m", "api_key_variable": "sk-secret"}, "should match pattern"),
        ("folder", {"dimensions": 0}, "greater than 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused_and_not_shown(model: str, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match) as caught:
        settings_of(model, **changes)
    assert "sk-secret" not in str(caught.value)
