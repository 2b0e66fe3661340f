"""Text of unknown origin, made safe to print."""

# control characters but newline and tab: escape sequences of terminals begin with one
_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}


def printable(text: str) -> str:
    """The text with control characters spelled out, so that it cannot control a terminal."""
    return text.translate(_CONTROLS)
