"""Tokens to tree: a precedence parser, bounded in text, depth and parts. Macros are recognised here."""

from sidecar.cel import sentences
from sidecar.cel.ast import Call, Expr, Ident, ListExpr, Literal, MapExpr, Numbers, Scalar, Select
from sidecar.cel.errors import CelSyntaxError, Span
from sidecar.cel.lex import KEYWORDS, RESERVED, Token, tokens
from sidecar.cel.limits import LIMITS, Limits
from sidecar.cel.macros import MACROS, expand

_BINARY = {
    "||": 1, "&&": 2,
    "<": 3, "<=": 3, ">": 3, ">=": 3, "==": 3, "!=": 3, "in": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}  # fmt: skip
_CHAINS = frozenset(("&&", "||"))
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_INT_MIN_MAGNITUDE = 2**63


def parse(source: str, limits: Limits = LIMITS) -> Expr:
    """The tree of one expression.

    Raises:
        CelSyntaxError: the text is no CEL or exceeds a limit; its span is the place.
    """
    if len(source.encode(errors="surrogatepass")) > limits.source:
        raise CelSyntaxError(sentences.source_too_long(limits.source), Span(0, len(source), 1, 1))
    parser = Parser(source, limits)
    expr = parser.expression()
    if parser.token.kind != "end":
        raise parser.unexpected("an operator or the end")
    return expr


class Parser:
    """One run over one text: the tokens, one at a time, and the grammar, a method for each of its rules."""

    def __init__(self, source: str, limits: Limits) -> None:
        self._tokens = tokens(source)
        self._limits = limits
        self._numbers = Numbers(limits.nodes)
        self._depth = 0
        self.token = next(self._tokens)
        self._last = self.token

    # --- the tokens ---

    def unexpected(self, wanted: str) -> CelSyntaxError:
        """The error that another token was wanted here."""
        return CelSyntaxError(sentences.unexpected(self.token.shown, wanted), self.token.span)

    def _advance(self) -> Token:
        self._last = self.token
        self.token = next(self._tokens, self.token)
        return self._last

    def _sees(self, text: str) -> bool:
        return self.token.text == text and self.token.kind in ("punctuation", "name")

    def _takes(self, text: str) -> bool:
        if self._sees(text):
            self._advance()
            return True
        return False

    def _needs(self, text: str) -> None:
        if not self._takes(text):
            raise self.unexpected(f"'{text}'")

    def _span(self, start: Span) -> Span:
        return Span(start.offset, self._last.span.end, start.line, start.column)

    # --- the grammar ---

    def expression(self) -> Expr:
        """``condition ? expr : expr`` or anything simpler."""
        start = self.token.span
        self._depth += 1
        if self._depth > self._limits.depth + 1:
            raise CelSyntaxError(sentences.too_deep(self._limits.depth), start)
        expr = self._binary(1)
        if self._takes("?"):
            yes = self._binary(1)
            self._needs(":")
            no = self.expression()
            expr = self._call("?:", start, expr, yes, no)
        self._depth -= 1
        return expr

    def _call(self, function: str, start: Span, *args: Expr) -> Expr:
        span = self._span(start)
        return Call(self._numbers.next(span), span, function, None, args)

    def _binary(self, lowest: int) -> Expr:
        """Operators at least as strong as ``lowest``, from the left; a chain of ``&&`` or ``||`` is one call."""
        start = self.token.span
        left = self._unary()
        links = 0
        while (operator := self._operator()) is not None and (power := _BINARY[operator]) >= lowest:
            self._advance()
            args = [left, self._binary(power + 1)]
            while operator in _CHAINS and self._takes(operator):
                args.append(self._binary(power + 1))
            left = self._call(operator, start, *args)
            links += 1
            self._guard_links(links, start)
        return left

    def _guard_links(self, links: int, start: Span) -> None:
        """A long chain of the same strength is as deep in the tree as it is long."""
        if links > self._limits.depth:
            raise CelSyntaxError(sentences.too_deep(self._limits.depth), start)

    def _operator(self) -> str | None:
        return self.token.text if self.token.kind in ("punctuation", "name") and self.token.text in _BINARY else None

    def _unary(self) -> Expr:
        """``!`` or ``-`` in front, as often as wanted but not mixed; a minus before a number belongs to the number."""
        start = self.token.span
        operators: list[Token] = []
        while self.token.kind == "punctuation" and self.token.text in "!-":
            if operators and operators[0].text != self.token.text:
                raise self.unexpected("a value")
            operators.append(self._advance())
            self._guard_links(len(operators), start)
        if operators and operators[-1].text == "-" and self._is_number():
            operator = operators.pop()
            expr = self._member(self._number(negative=True), operator.span)
        else:
            expr = self._member(self._primary(), self._last.span if operators else start)
        for operator in reversed(operators):
            expr = self._call("!" if operator.text == "!" else "-_", operator.span, expr)
        return expr

    def _is_number(self) -> bool:
        value = self.token.value
        return self.token.kind == "literal" and type(value) in (int, float)

    def _number(self, *, negative: bool) -> Expr:
        start = self._last.span if negative else self.token.span
        token = self._advance()
        value = token.value
        assert isinstance(value, (int, float))
        if type(value) is int and value == _INT_MIN_MAGNITUDE and not negative:
            raise CelSyntaxError(sentences.integer_out_of_range(token.text, "an integer"), token.span)
        span = self._span(start)
        return Literal(self._numbers.next(span), span, -value if negative else value)

    def _member(self, expr: Expr, start: Span) -> Expr:
        """Whatever follows with a dot or in brackets."""
        start, links = expr.span, 0
        while self.token.kind == "punctuation" and self.token.text in (".", "["):
            links += 1
            self._guard_links(links, start)
            expr = self._selection(expr, start) if self._takes(".") else self._index(expr, start)
        if self._sees("{") and self.token.kind == "punctuation" and isinstance(expr, (Ident, Select)):
            raise CelSyntaxError(sentences.message_literal(), self._span(start))
        return expr

    def _index(self, expr: Expr, start: Span) -> Expr:
        self._needs("[")
        optional = self._takes("?")
        key = self.expression()
        self._needs("]")
        return self._call("[?]" if optional else "[]", start, expr, key)

    def _selection(self, expr: Expr, start: Span) -> Expr:
        optional = self._takes("?")
        token = self.token
        if token.kind not in ("name", "quoted") or (token.text in KEYWORDS and token.kind == "name"):
            raise self.unexpected("a field's name")
        self._advance()
        if token.kind == "name" and self._takes("("):
            if optional:
                raise CelSyntaxError(sentences.no_optional_here(), token.span)
            return self._invoke(token, expr, start)
        span = self._span(start)
        return Select(self._numbers.next(span), span, expr, token.text, optional=optional)

    def _invoke(self, name: Token, target: Expr | None, start: Span) -> Expr:
        args = self._arguments(")")
        span = self._span(start)
        expanded = expand(self._numbers, name, target, args, span) if name.text in MACROS else None
        return expanded or Call(self._numbers.next(span), span, name.text, target, tuple(args))

    def _arguments(self, closing: str) -> list[Expr]:
        args: list[Expr] = []
        while not self._takes(closing):
            if args:
                self._needs(",")
            args.append(self.expression())
        return args

    def _primary(self) -> Expr:
        token = self.token
        if token.kind == "literal":
            return self._number(negative=False) if self._is_number() else self._constant(token.value)
        if token.kind == "name" or self._sees("."):
            return self._name()
        if self._takes("("):
            expr = self.expression()
            self._needs(")")
            return expr
        if self._takes("["):
            return self._list(token.span)
        if self._takes("{"):
            return self._map(token.span)
        raise self.unexpected("a value")

    def _constant(self, value: Scalar) -> Expr:
        token = self._advance()
        return Literal(self._numbers.next(token.span), token.span, value)

    def _name(self) -> Expr:
        start = self.token.span
        if self.token.text in _CONSTANTS:
            return self._constant(_CONSTANTS[self.token.text])
        rooted = self._takes(".")
        token = self.token
        if token.kind != "name" or token.text in KEYWORDS:
            raise self.unexpected("a name")
        if token.text in RESERVED:
            raise CelSyntaxError(sentences.reserved_word(token.text), token.span)
        self._advance()
        if self._takes("("):
            return self._invoke(token, None, start)
        return Ident(self._numbers.next(token.span), self._span(start), f".{token.text}" if rooted else token.text)

    def _list(self, start: Span) -> Expr:
        items: list[Expr] = []
        optional: set[int] = set()
        while not self._ends("]", bool(items)):
            if self._takes("?"):
                optional.add(len(items))
            items.append(self.expression())
        span = self._span(start)
        return ListExpr(self._numbers.next(span), span, tuple(items), frozenset(optional))

    def _ends(self, closing: str, started: bool) -> bool:
        """Whether a literal ends here. Entries stand between commas, and one more comma may stand before the end."""
        if self._takes(closing):
            return True
        if started:
            self._needs(",")
            return self._takes(closing)
        if self._takes(","):
            self._needs(closing)
            return True
        return False

    def _map(self, start: Span) -> Expr:
        entries: list[tuple[Expr, Expr]] = []
        optional: set[int] = set()
        while not self._ends("}", bool(entries)):
            if self._takes("?"):
                optional.add(len(entries))
            key = self.expression()
            self._needs(":")
            entries.append((key, self.expression()))
        span = self._span(start)
        return MapExpr(self._numbers.next(span), span, tuple(entries), frozenset(optional))
