"""How training images are varied, as declared in a benchmark; importing it needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

Amount = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]


class AugmentSettings(BaseModel):
    """Random changes of each training image, drawn anew each time it is seen; none by default.

    The names and meanings are those of Keras' ImageDataGenerator, which the LocalNorm authors used.

    Attributes:
        flip: mirror left and right with probability 1/2.
        shift: move by up to this fraction of height and of width, each uniform and continuous.
        rotate: turn by up to this many degrees, uniform to both sides.
        zoom: scale height and width, each by a factor uniform in [1 - zoom, 1 + zoom]; a factor above 1
            makes the image's content smaller.
        fill: what is seen beyond the edge: "nearest" repeats the edge's pixels, "zeros" is 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: StrictBool = False
    shift: Annotated[Amount, Field(le=1)] = 0.0
    rotate: Annotated[Amount, Field(le=180)] = 0.0
    zoom: Annotated[Amount, Field(lt=1)] = 0.0
    fill: Literal["nearest", "zeros"] = "nearest"
