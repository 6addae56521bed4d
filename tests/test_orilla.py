"""The command line as a whole: on other systems than Linux it says so and stops."""

import pytest

import orilla


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_another_system_is_refused_in_words(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("sys.argv", ["orilla", "--version"])
    with pytest.raises(SystemExit, match=f"Orilla runs on Linux, this is {platform}"):
        orilla.main()


def test_linux_is_supported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["orilla", "--version"])
    with pytest.raises(SystemExit) as ended:
        orilla.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("orilla 0.")


def test_help_says_what_arguments_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["orilla", "edge", "ingest", "--help"])
    with pytest.raises(SystemExit):
        orilla.main()
    assert "A file, or a folder whose documents are ingested." in " ".join(capsys.readouterr().out.split())
