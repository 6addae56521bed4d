"""Keys and their file: what is random, what is kept, and that changes of many at once are all there."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.access.authentication import COMMANDS, Authentication
from edge_agent.access.key_file import KeyFile
from edge_agent.access.keys import after_hours, is_secret_of, make_key
from edge_agent.access.scopes import Caller, Scope
from edge_agent.errors import InputInvalid, KeyUnknown, StoreDamaged

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ASK = (Scope.ASK,)


def test_a_key_is_256_random_bits_and_only_its_digest_is_kept() -> None:
    made = [make_key("a", ASK, now=NOW) for _ in range(200)]
    bits = [base64.urlsafe_b64decode(each.secret.split("_", 2)[2] + "=") for each in made]
    assert {len(each) for each in bits} == {32}
    assert len(set(bits)) == 200
    ones = sum(int.from_bytes(each, "big").bit_count() for each in bits)
    assert abs(ones / (200 * 256) - 0.5) < 0.02  # nine standard deviations
    for each in made:
        assert each.key.secret_sha256 == hashlib.sha256(each.secret.encode()).hexdigest()
        assert is_secret_of(each.key, each.secret)
        assert not is_secret_of(each.key, each.secret[:-1])
        assert each.secret.split("_", 2)[2] not in repr(each.key)


def test_a_key_opens_until_its_end(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "store")
    made = keys.create("a", ASK, now=NOW, expires_at=NOW + timedelta(hours=1))
    assert keys.find(made.secret, NOW) == made.key
    assert keys.find(made.secret, NOW + timedelta(minutes=59)) == made.key
    assert keys.find(made.secret, NOW + timedelta(hours=1)) is None
    assert keys.find("", NOW) is None
    assert keys.find("orilla_" + made.key.key_id, NOW) is None


def test_a_rotated_key_ends_and_the_new_one_keeps_its_scopes_and_end(tmp_path: Path) -> None:
    keys, end = KeyFile(tmp_path), NOW + timedelta(days=30)
    former = keys.create("a", (Scope.INGEST, Scope.ASK), now=NOW, expires_at=end)
    made = keys.rotate(former.key.key_id, now=NOW, overlap_hours=2)
    assert (made.key.name, made.key.scopes, made.key.expires_at) == ("a", (Scope.ASK, Scope.INGEST), end.isoformat())
    assert keys.find(former.secret, NOW + timedelta(hours=1)) is not None
    assert keys.find(former.secret, NOW + timedelta(hours=3)) is None
    late = keys.rotate(made.key.key_id, now=NOW, overlap_hours=24 * 90)
    assert keys.find(made.secret, end) is None  # an overlap prolongs nothing
    at_once = keys.rotate(late.key.key_id, now=NOW)
    assert keys.find(late.secret, NOW) is None
    with pytest.raises(KeyUnknown, match="no active key has that id"):
        keys.rotate(late.key.key_id, now=NOW)
    keys.revoke(at_once.key.key_id, now=NOW)
    assert [key for key in keys.all() if key.is_active(NOW + timedelta(hours=3))] == [
        key for key in keys.all() if key.key_id == made.key.key_id
    ]


def test_keys_made_at_once_are_all_there(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: KeyFile(tmp_path).create(f"key {n}", ASK, now=NOW), range(40)))
    keys = KeyFile(tmp_path)
    assert sorted(key.name for key in keys.all()) == sorted(f"key {n}" for n in range(40))
    assert all(keys.find(each.secret, NOW) for each in made)


def test_a_file_that_cannot_be_read_opens_nothing_and_is_left_as_it_is(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    secret = keys.create("a", ASK, now=NOW).secret
    (tmp_path / "keys.json").write_text("{}")
    for use in (
        lambda: keys.find(secret, NOW),
        lambda: keys.create("b", ASK, now=NOW),
        lambda: keys.revoke("0" * 12, now=NOW),
    ):
        with pytest.raises(StoreDamaged, match="so none is accepted"):
            use()
    assert (tmp_path / "keys.json").read_text() == "{}"


def test_what_no_key_can_be_is_refused(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    with pytest.raises(InputInvalid, match="needs a name"):
        keys.create(" ", ASK, now=NOW)
    with pytest.raises(InputInvalid, match="needs a scope; expected one or more of ask, ingest"):
        keys.create("a", (), now=NOW)
    with pytest.raises(InputInvalid, match="cannot end before it begins"):
        keys.create("a", ASK, now=NOW, expires_at=NOW)
    with pytest.raises(InputInvalid, match="too far away"):
        after_hours(NOW, 1e12)
    assert not (tmp_path / "keys.json").exists()


def test_commands_are_known_by_the_key_of_the_process(tmp_path: Path) -> None:
    one, other = Authentication(KeyFile(tmp_path)), Authentication(KeyFile(tmp_path))
    assert one.caller_of(one.command_key) == COMMANDS
    assert other.caller_of(one.command_key) is None
    assert one.caller_of("") is None
    made = one.keys.create("a", (Scope.REVIEW,), now=NOW)
    assert other.caller_of(made.secret) == Caller(f"key {made.key.key_id}", frozenset({Scope.REVIEW}))


def test_admin_opens_all_and_no_other_scope_opens_more_than_its_own() -> None:
    for scope in Scope:
        caller = Caller("a", frozenset({scope}))
        for needed in Scope:
            assert caller.may(frozenset({needed})) is (scope in (needed, Scope.ADMIN))
