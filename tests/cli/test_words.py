"""``covsearch find`` as people type: without accents, apostrophes or blanks, in any script."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import Commands
from published import publish

from covsearch.cli import cli
from covsearch.workspace import Workspace

TITLES = (
    "Don't Stop",
    "R.E.M.",
    "AC/DC",
    "Rock 'n' Roll",
    "O Haupt voll Blut",
    "東京タワー",
    "!!!",
    "Søren & Łódź",
    "강남스타일",
    "Ёлка и йод",
    "Σ' αγαπώ",
    "שָׁלוֹם",
    "مُحَمَّد",
    "がんばれ",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    publish(Workspace(home), len(TITLES), titles=TITLES)
    return home


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("dont", "Don't Stop"),
        ("don t", "Don't Stop"),
        ("Don’t", "Don't Stop"),
        ("rem", "R.E.M."),
        ("r.e.m", "R.E.M."),
        ("acdc", "AC/DC"),
        ("ac dc", "AC/DC"),
        ("AC-DC", "AC/DC"),
        ("rocknroll", "Rock 'n' Roll"),
        ("rock'n'roll", "Rock 'n' Roll"),
        ("-haupt", "O Haupt voll Blut"),
        ("-h-aupt", "O Haupt voll Blut"),
        ("タワー", "東京タワー"),
        ("京", "東京タワー"),
        ("京タ", "東京タワー"),
        ("東タ", None),
        ("!!!", "!!!"),
        ("!!", None),
        ("soren lodz", "Søren & Łódź"),
        ("ＳＯＲＥＮ", "Søren & Łódź"),
        ("스타일", "강남스타일"),
        ("елка", "Ёлка и йод"),
        ("иод", "Ёлка и йод"),
        ("ΑΓΑΠΩ", "Σ' αγαπώ"),
        ("שלום", "שָׁלוֹם"),
        ("محمد", "مُحَمَّد"),
        ("がん", "がんばれ"),
        ("かん", None),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_title_is_found(home: Path, words: str, title: str | None, form: str) -> None:
    asked = unicodedata.normalize(form, words)
    result = CliRunner().invoke(cli, ["--home", str(home), "find", "--json", asked])
    hits = json.loads(result.stdout)["hits"] if result.exit_code == 0 else []
    assert [hit["title"] for hit in hits] == ([] if title is None else [title])


def test_a_misspelt_option_is_no_word(home: Path, command: Commands) -> None:
    came = command(home, "find", "haupt", "--limti", "5")
    assert came.code == 2
    assert came.err == "Error: there is no option --limti; to look for the word, leave its hyphens out\n"


def test_help_is_help(home: Path) -> None:
    assert "covsearch find dont acdc" in CliRunner().invoke(cli, ["--home", str(home), "find", "-h"]).stdout
