"""Text that was decoded with the wrong encoding, `NÃ£o` for `Não`: told apart from real text, and mended."""

from __future__ import annotations

import re

# UTF-8's lead bytes as cp1252 shows them, followed by its continuation bytes shown the same way.
_TAIL = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_BROKEN = re.compile(f"(?:[\u00c2-\u00c5\u00ce-\u00d1][{_TAIL}]|[\u00e0-\u00ef][{_TAIL}]{{2}}|\u00f0[{_TAIL}]{{3}})")
_REPLACED = ("\ufffd", "ï¿½")


def is_broken(text: str) -> bool:
    """Return whether some of `text` reads as UTF-8 that was decoded as cp1252, or was lost in decoding."""
    return not text.isascii() and (repair(text) != text or any(mark in text for mark in _REPLACED))


def repair(text: str) -> str:
    """Return `text` with such runs decoded again; what was lost (the replacement character) stays."""
    return text if text.isascii() else _BROKEN.sub(_decoded, text)


def _decoded(match: re.Match[str]) -> str:
    run = match.group()
    if run == "ï¿½":
        return run
    raw = bytearray()
    for char in run:
        try:
            raw += char.encode("cp1252")
        except UnicodeEncodeError:
            # The five bytes that cp1252 leaves undefined are passed on as they are.
            raw.append(ord(char))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return run
