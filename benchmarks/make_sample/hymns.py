"""Names of chorales: of the settings from music21's list, of the hymn tunes that this list leaves out by hand.

music21's ``ChoraleList`` names BWV 250-438 only; the other settings carry the words they are sung to, if any.
`HYMN_TUNES` names a work by any one of its settings, with the hymn that the tune is commonly known by.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from textwrap import shorten
from typing import Any

from covsearch.synthesis.setting import Setting

HYMN_TUNES = {
    "2.6": "Ach Gott, vom Himmel sieh darein",
    "3.6": "Ach Gott, wie manches Herzeleid",
    "5.7": "Wo soll ich fliehen hin / Auf meinen lieben Gott",
    "6.6": "Erhalt uns, Herr, bei deinem Wort",
    "8.6": "Liebster Gott, wann werd ich sterben",
    "11.6": "Ermuntre dich, mein schwacher Geist",
    "16.6": "Helft mir Gotts Güte preisen",
    "18.5-lz": "Durch Adams Fall ist ganz verderbt",
    "26.6": "Ach wie flüchtig, ach wie nichtig",
    "32.6": "Freu dich sehr, o meine Seele",
    "40.3": "Wir Christenleut",
    "52.6": "In dich hab ich gehoffet, Herr",
    "57.8": "Lobe den Herren, den mächtigen König der Ehren",
    "59.3": "Komm, Heiliger Geist, Herre Gott",
    "62.6": "Nun komm, der Heiden Heiland",
    "36.8-2": "Nun komm, der Heiden Heiland",
    "65.2": "Puer natus in Bethlehem",
    "74.8": "Kommt her zu mir, spricht Gottes Sohn",
    "79.6": "Nun lasst uns Gott dem Herren",
    "96.6": "Herr Christ, der einig Gotts Sohn",
    "111.6": "Was mein Gott will, das g'scheh allzeit",
    "116.6": "Du Friedefürst, Herr Jesu Christ",
    "126.6": "Verleih uns Frieden gnädiglich",
    "162.6-lpz": "Alle Menschen müssen sterben",
    "177.5": "Ich ruf zu dir, Herr Jesu Christ",
    "187.7": "Singen wir aus Herzensgrund",
    "229.2": "Drum schließ ich mich in deine Hände",
    "244.3": "Herzliebster Jesu, was hast du verbrochen",
    "244.54": "Herzlich tut mich verlangen / O Haupt voll Blut und Wunden",
    "245.14": "Jesu Leiden, Pein und Tod",
    "245.15": "Christus, der uns selig macht",
    "248.17": "Vom Himmel hoch, da komm ich her",
    "248.42-4": "Hilf, Herr Jesu, lass gelingen",
}


def with_hymn_titles(settings: list[Setting]) -> list[Setting]:
    """The settings, those of Bach with the title that music21's list of chorales gives their BWV number."""
    from music21.corpus.chorales import ChoraleList

    chorales: Any = ChoraleList
    listed = {str(number): str(entry["title"]) for number, entry in chorales().byBWV.items()}
    return [
        replace(setting, titles=(listed[setting.number],)) if _in_list(setting, listed) else setting
        for setting in settings
    ]


def _in_list(setting: Setting, listed: dict[str, str]) -> bool:
    return setting.kind == "chorale" and setting.number in listed


def hymn_tune(settings: tuple[Setting, ...]) -> str:
    """A name for a chorale work: by hand, else the commonest listed title, else the commonest first line sung to it."""
    for setting in settings:
        if setting.number in HYMN_TUNES:
            return HYMN_TUNES[setting.number]
    listed = [title for setting in settings for title in setting.titles]
    for names in (listed, [own_line(setting) for setting in settings]):
        if found := Counter(name for name in names if name):
            return max(sorted(found), key=lambda name: found[name])
    return f"Chorale, {bwv(settings[0].number)}"


def own_line(setting: Setting) -> str:
    """The listed title of one setting, or the first line it is sung to, or ""."""
    if setting.titles:
        return setting.titles[0]
    return shorten(re.sub(r"^\d+\.\s*", "", setting.lyric).split(";")[0], 60, placeholder=" ...")


def bwv(number: str) -> str:
    """The BWV number as one writes it.

    >>> bwv("248.64-6"), bwv("197.7-a"), bwv("18.5-lz"), bwv("250")
    ('BWV 248.64', 'BWV 197a.7', 'BWV 18.5', 'BWV 250')
    """
    work, _, suffix = number.partition("-")
    first, _, movement = work.partition(".")
    return f"BWV {first}{'a' if suffix == 'a' else ''}" + (f".{movement}" if movement else "")
