"""The two normal forms in which ids are compared."""

# Rust trims Unicode White_Space; str.strip() would also strip U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_ASCII_SPACE = "".join(filter(str.isascii, WHITE_SPACE))
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ-", "abcdefghijklmnopqrstuvwxyz_")


def folded(text: str) -> str:
    """The filter form: trimmed, ``-`` as ``_``, ASCII lowercase."""
    if text.isascii():  # as mostly, and four times faster
        return text.strip(_ASCII_SPACE).lower().replace("-", "_")
    return text.strip(WHITE_SPACE).translate(_ASCII_LOWER)


def unit_id(text: str) -> str:
    """The canonical form of an org unit's id: trimmed, lowercase in Unicode. A blank id matches nothing."""
    return text.strip(WHITE_SPACE).lower()


def filter_value(text: str | None) -> str | None:
    """A filter parameter in filter form; None when it is absent, empty or ``all``, which filter nothing."""
    value = folded(text) if text is not None else ""
    return None if value in ("", "all") else value
