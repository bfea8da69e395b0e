"""``python -m benchmarks.make_sample.archive FOLDER ARCHIVE``: a folder as one ZIP.

Two runs give the same bytes: members are sorted by name, dated 1980-01-01 and stored as they are. HDF5 files are
compressed already.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from pathlib import Path

from covsearch.dataset.unpack import MARKER

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(folder: Path, archive: Path) -> str:
    """Write every file below `folder` into `archive`.

    Returns
    -------
    str
        The archive's sha256, hexadecimal: it belongs into ``covsearch/dataset/sample.py``.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in names:
            if name == MARKER:
                continue
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = 3, 0o100644 << 16
            file.writestr(member, (folder / name).read_bytes())
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def main() -> None:
    """Write the archive and print its checksum."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.make_sample.archive", description="Pack a sample.")
    parser.add_argument("folder", type=Path, help="the sample in Da-TACOS's layout")
    parser.add_argument("archive", type=Path, help="the ZIP file to write")
    options = parser.parse_args()
    print(f'SHA256 = "{write_archive(options.folder, options.archive)}"')


if __name__ == "__main__":
    main()
