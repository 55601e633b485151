"""Types that the declarations share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from robustbench_ln.errors import LnbenchError
from robustbench_ln.identity import check_name
from robustbench_ln.noise import parse_sigmas
from robustbench_ln.norms.registry import parse_norm


class Declaration(BaseModel):
    """A mapping of the file: unknown keys are errors, and nothing is changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_value_error(check: Any) -> Any:
    """Let pydantic see an LnbenchError as a wrong value, which it then points at."""

    def checked(value: Any) -> Any:
        try:
            check(value)
        except LnbenchError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return value

    return checked


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let a list name each thing once: counts go by names."""
    twice = [value for position, value in enumerate(values) if value in values[:position]]
    if twice:
        raise ValueError(f"{twice[0]!r} stands here a second time")
    return values


def _grid(value: Any) -> Any:
    return (
        f"{Decimal(repr(value)):f}"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else value
    )


PositiveInt = Annotated[StrictInt, Field(gt=0)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Text = Annotated[StrictStr, Field(min_length=1)]
Name = Annotated[StrictStr, AfterValidator(_as_value_error(check_name))]
#: Of a tuple: none of its values stands in it twice.
Different = AfterValidator(_different)
#: A norm with options, as on the command line: `localnorm:groups=8`.
NormText = Annotated[StrictStr, AfterValidator(_as_value_error(parse_norm))]
#: A sigma or a grid of them, as on the command line; YAML reads a lone sigma as a number.
Sigmas = Annotated[StrictStr, BeforeValidator(_grid), AfterValidator(_as_value_error(parse_sigmas))]
