"""Read the settings out of music21's corpus, once, into JSON (in two processes): Bach's chorales, and the tunes of
O'Neill, Ryan and Aird."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covsearch import durable
from covsearch.errors import MissingExtraError
from covsearch.progress import Progress, silent
from covsearch.synthesis.setting import Note, Setting, from_json

FOLDERS = {"bach": "bach", "oneill": "oneills1850", "ryan": "ryansMammoth", "aird": "airdsAirs"}
NOT_CHORALES = {"bwv846"}
"""The corpus keeps the C major prelude of the Well-Tempered Clavier among the chorales."""


def load(work: Path, jobs: int = 2, progress: Progress = silent) -> list[Setting]:
    """All settings of the four collections, sorted by source id; parsed at the first call, then read from `work`.

    A tune that a collection's files hold twice under one number (O'Neill's files overlap: two transcribers, one
    printed tune) is read once, from the first file. A score that music21 cannot read is left out.

    Raises
    ------
    MissingExtraError
        Without music21.
    """
    cache = work / "settings"
    cache.mkdir(parents=True, exist_ok=True)
    files = [(collection, path) for collection in FOLDERS for path in _files(collection)]
    todo = [item for item in files if not _cached(cache, *item).exists()]
    with ProcessPoolExecutor(jobs) as pool:
        running = [pool.submit(_parse_file, cache, *item) for item in todo]
        for done, job in enumerate(as_completed(running), 1):
            job.result()
            progress("reading music21's corpus", done, len(running))
    settings: dict[str, Setting] = {}
    for item in files:
        for record in json.loads(_cached(cache, *item).read_text(encoding="utf-8")):
            settings.setdefault(record["source_id"], from_json(record))
    return [settings[key] for key in sorted(settings)]


def settings_in(file: str, cache: Path) -> list[Setting]:
    """The settings of one file of music21's corpus, named as `Setting.file` is; parsed once, then read from `cache`.

    Raises
    ------
    MissingExtraError
        Without music21.
    """
    path = corpus_folder() / file
    collection = next(name for name, folder in FOLDERS.items() if Path(file).parts[0] == folder)
    if not (target := _cached(cache, collection, path)).exists():
        _parse_file(cache, collection, path)
    return [from_json(record) for record in json.loads(target.read_text(encoding="utf-8"))]


def corpus_folder() -> Path:
    """The folder of music21's corpus."""
    try:
        import music21
    except ImportError as e:
        raise MissingExtraError("reading music21's corpus", "scores") from e
    return Path(music21.__file__).parent / "corpus"


def _files(collection: str) -> list[Path]:
    folder = corpus_folder() / FOLDERS[collection]
    if collection != "bach":
        return sorted(folder.glob("*.abc"))
    return sorted(path for path in folder.glob("bwv*.mxl") if path.stem not in NOT_CHORALES)


def _cached(cache: Path, collection: str, path: Path) -> Path:
    return cache / f"{collection}-{path.stem}.json"


def _parse_file(cache: Path, collection: str, path: Path) -> None:
    import music21

    # forceSource: music21 would otherwise read its pickle of an earlier parse.
    parsed = music21.converter.parse(path, forceSource=True)
    scores = list(parsed.scores) if isinstance(parsed, music21.stream.Opus) else [parsed]
    settings = [asdict(found) for score in scores for found in _setting(collection, path, score)]
    durable.replace_text(_cached(cache, collection, path), json.dumps(settings, ensure_ascii=False))


def _setting(collection: str, path: Path, score: Any) -> Iterator[Setting]:
    number = path.stem.removeprefix("bwv") if collection == "bach" else str(score.metadata.number or "")
    book = re.sub(r"\D", "", path.stem) if collection == "aird" else ""
    name = path.stem if collection in ("bach", "ryan") else f"{book}/{number}".lstrip("/")
    source_id = f"{collection}/{name}"
    try:
        parts, repeats = _played(score)
        melody = _part_notes(_melody_part(score))
    # music21 raises many types on odd scores, and one bad score of 4,500 must not end the run
    except Exception:  # noqa: BLE001
        return
    if not melody or not parts:
        return
    is_bach = collection == "bach"
    yield Setting(
        source_id=source_id, kind="chorale" if is_bach else "tune", collection=collection, number=number,
        file=f"{FOLDERS[collection]}/{path.name}", titles=_titles(score), lyric=_lyric(score) if is_bach else "",
        key=_key(score, is_bach), quarter_bpm=_tempo(score), bar=_bar(score), melody=_highest(melody),
        parts=parts, repeats=repeats, extra={"book": book} if book else {},
    )  # fmt: skip


def _played(score: Any) -> tuple[tuple[tuple[Note, ...], ...], str]:
    """The notes of all parts with repeats played, or as written where music21 cannot expand the repeats."""
    written = tuple(notes for part in score.parts if (notes := _part_notes(part)))
    try:
        expanded = tuple(notes for part in score.expandRepeats().parts if (notes := _part_notes(part)))
    # music21 raises several types on unbalanced repeat signs; `repeats` then says "as written".
    except Exception:  # noqa: BLE001
        return written, "as written"
    longer = [_end(after) >= _end(before) for before, after in zip(written, expanded, strict=False)]
    ends = {round(_end(notes)) for notes in expanded}
    if len(expanded) != len(written) or not all(longer) or max(ends) - min(ends) > 8:
        return written, "as written"
    return expanded, "expanded"


def _end(notes: tuple[Note, ...]) -> float:
    return max(onset + duration for onset, duration, _ in notes)


def _part_notes(part: Any) -> tuple[Note, ...]:
    rows = []
    for element in part.stripTies().flatten().notes:
        if element.duration.isGrace or element.duration.quarterLength <= 0 or hasattr(element, "chordKind"):
            continue
        for pitch in element.pitches:
            onset, duration = float(element.offset), float(element.duration.quarterLength)
            rows.append((round(onset, 4), round(duration, 4), int(pitch.midi)))
    return tuple(sorted(rows))


def _highest(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    top = {onset: (onset, duration, pitch) for onset, duration, pitch in notes}
    return tuple(top[onset] for onset in sorted(top))


def _melody_part(score: Any) -> Any:
    named = [part for part in score.parts if "sopran" in (part.partName or "").lower()]
    return named[0] if named else score.parts[0]


def _titles(score: Any) -> tuple[str, ...]:
    found = [score.metadata.title, score.metadata.alternativeTitle]
    return tuple(str(title).strip() for title in found if title)


def _lyric(score: Any) -> str:
    words, word = [], ""
    for note in _melody_part(score).flatten().notes:
        if not note.lyrics or not note.lyrics[0].text:
            continue
        first = note.lyrics[0]
        word += first.text.strip()
        if first.syllabic in (None, "single", "end"):
            words.append(word)
            if word[-1:] in ",.;:!?" and len(words) > 2:
                break
            word = ""
    return " ".join(words)[:80].rstrip(",.;:!? ")


def _key(score: Any, analysed: bool) -> str:
    if analysed:
        return str(score.analyze("key"))
    written = score.flatten().getElementsByClass("KeySignature").first()
    if written is None:
        return ""
    return str(written) if "Key " in str(type(written)) or hasattr(written, "mode") else f"{written.sharps} sharps"


def _tempo(score: Any) -> float:
    mark = score.flatten().getElementsByClass("MetronomeMark").first()
    bpm = mark.getQuarterBPM() if mark is not None else None
    return round(float(bpm), 2) if bpm else 0.0


def _bar(score: Any) -> str:
    bar = score.flatten().getElementsByClass("TimeSignature").first()
    return str(bar.ratioString) if bar is not None else ""
