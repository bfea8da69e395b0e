"""The three chroma features of Da-TACOS that a model can use."""

from __future__ import annotations

from dataclasses import dataclass

BINS = 12


@dataclass(frozen=True)
class ChromaFeature:
    """One feature: what its folders are called, where it is in the file, where its pitch axis begins.

    Attributes
    ----------
    name : str
        Suffix of folders and files: ``W_14_hpcp/P_15_hpcp.h5``.
    dataset : str
        Name of the HDF5 dataset under the root group.
    first_bin : int
        Pitch class of bin 0, C = 0. HPCP begins at A, CREMA and CENS at C (seen on real files).
    """

    name: str
    dataset: str
    first_bin: int


CHROMA = {
    "hpcp": ChromaFeature("hpcp", "hpcp", 9),
    "crema": ChromaFeature("crema", "crema", 0),
    "cens": ChromaFeature("cens", "chroma_cens", 0),
}
