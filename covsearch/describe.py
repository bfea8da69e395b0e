"""What a trained model is: layers, parameters, circuit, and what its p is worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from covsearch.index.calibration import Calibration, facts, read_calibration
from covsearch.models import Checkpoint, bundled_checkpoint, load_checkpoint
from covsearch.models.describe import Description, architecture, draw_circuit

UNCALIBRATED = "p is not calibrated: run `covsearch calibrate --model` with this folder"


@dataclass(frozen=True, eq=False)
class DescribedModel:
    """A checkpoint, ready to be shown.

    Attributes
    ----------
    checkpoint : Checkpoint
    architecture : Description
    calibration : Calibration or None
        None where the model was never calibrated.
    """

    checkpoint: Checkpoint
    architecture: Description
    calibration: Calibration | None

    @property
    def calibration_lines(self) -> list[str]:
        """The calibration for people; where there is none, what makes one."""
        return facts(self.calibration) if self.calibration else [UNCALIBRATED]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        return {**self.architecture.to_dict(), "calibration": self.calibration and asdict(self.calibration)}

    def draw(self, folder: Path) -> Path:
        """Draw the quantum circuit into `folder`; raises as :func:`covsearch.models.describe.draw_circuit`."""
        return draw_circuit(self.checkpoint, folder)


def describe_model(folder: Path | None = None) -> DescribedModel:
    """Read a checkpoint and describe it.

    Parameters
    ----------
    folder : Path, optional
        The checkpoint; by default the bundled weights.

    Raises
    ------
    NotFoundError
        When there is none.
    ArtefactError
        When it is damaged.
    """
    checkpoint = load_checkpoint(folder or bundled_checkpoint())
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    return DescribedModel(checkpoint, architecture(checkpoint), calibration)
