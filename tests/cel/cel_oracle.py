"""Google's own engine (C++) as the oracle: it knows no schema, so everything is ``dyn`` to it."""

from typing import Any

from cel_expr_python import cel

FAILS = "has no value"
"""Stands for any error."""


def oracle(text: str, *names: str) -> Any:
    """The expression as the oracle compiles it over these variables."""
    env = cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))
    return env.compile(text)


def worth(expression: Any, **variables: Any) -> Any:
    """What the oracle says."""
    value = expression.eval(data=variables)
    return FAILS if value.type() == cel.Type.ERROR else value.plain_value()
