"""Every function by name, as generated code calls it: a call that fits no signature is an error of the evaluation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidecar.cel import encoders, math_ext, optionals, selectors, strings_ext, times
from sidecar.cel.functions import OVERLOADS, Overload
from sidecar.cel.kernel import python_type
from sidecar.cel.values import no_overload

_ROOMS = (times, selectors, optionals, strings_ext, math_ext, encoders)


def _fitting(name: str, overloads: Sequence[Overload], answer: Callable[..., Any]) -> Callable[..., Any]:
    """The function, for arguments that some signature takes."""
    shapes = [tuple(python_type(wanted) for wanted in overload.args) for overload in overloads]

    def call(*given: Any) -> Any:
        for shape in shapes:
            if len(shape) == len(given) and all(
                wanted is None or type(value) is wanted for wanted, value in zip(shape, given, strict=True)
            ):
                return answer(*given)
        raise no_overload(name, *given)

    return call


LIBRARY: Mapping[str, Callable[..., Any]] = {
    name: _fitting(name, OVERLOADS[name], answer) for room in _ROOMS for name, answer in room.FUNCTIONS.items()
}
"""What the rooms of functions offer."""


def helper_name(function: str) -> str:
    """How generated code names a function of the library."""
    return f"call_{function.replace('.', '_')}"
