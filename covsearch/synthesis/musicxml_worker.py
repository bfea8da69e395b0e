"""``python -m covsearch.synthesis.musicxml_worker BYTES SECONDS``: MusicXML on stdin, its notes as JSON on stdout.

A process of its own, for strangers' files: it limits its own memory and time before it reads one.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> int:
    """Read, and say what there is; 1 and a line on stderr where that fails."""
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    import music21

    try:
        score = music21.converter.parseData(sys.stdin.buffer.read().decode("utf-8"), format="musicxml")
        told = {"notes": _notes(_played(score)), "tempo": _tempo(score)}
    # music21 raises many types on strangers' files; whichever it is, the file is refused
    except Exception as e:  # noqa: BLE001
        print(repr(e)[:200].replace("\n", " "), file=sys.stderr)
        return 1
    json.dump(told, sys.stdout)
    return 0


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: only the caller's time limit is left
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # at the second one no signal says why


def _played(score: Any) -> Any:
    """With repeats played, or as written where music21 cannot expand them."""
    try:
        return score.expandRepeats()
    except Exception:  # noqa: BLE001
        return score


def _notes(score: Any) -> list[list[float]]:
    """Onset and length in quarters, pitch and part of every note that sounds; grace notes and chord names do not."""
    rows = []
    for number, part in enumerate(score.parts):
        for element in part.stripTies().flatten().notes:
            length = float(element.duration.quarterLength)
            if element.duration.isGrace or length <= 0 or hasattr(element, "chordKind"):
                continue
            if "PercussionClef" in str(element.getContextByClass("Clef")):
                continue
            rows += [[float(element.offset), length, float(pitch.midi), number] for pitch in element.pitches]
    return rows


def _tempo(score: Any) -> list[list[float]]:
    """Quarter notes a minute, as first written; nothing where none is."""
    mark = score.flatten().getElementsByClass("MetronomeMark").first()
    tempo = mark.getQuarterBPM() if mark is not None else None
    return [[float(tempo)]] if tempo else []


if __name__ == "__main__":
    sys.exit(main())
