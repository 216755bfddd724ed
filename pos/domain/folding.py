"""How names are folded, so that "kaese", "Käse" and "kase" all find Käse. Shared by importer, reader and hub."""

import re
import unicodedata
from functools import lru_cache

__all__ = ["QUERY_WORDS_MAX", "WORD_MIN_LENGTH", "index_text", "query_words", "search_query"]

# One letter matches too much of a million names: 64-139 ms (spikes, "Catalogue").
WORD_MIN_LENGTH = 2
QUERY_WORDS_MAX = 8

_WORD = re.compile(r"[^\W_]+")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe"})


def index_text(text: str) -> str:
    """The words of a name as the index keeps them: German spelling first, then the plain letters."""
    if text.isascii():
        return " ".join(_WORD.findall(text.lower()))
    german = _words(text, german=True)
    plain = [word for word in _words(text, german=False) if word not in german]
    return " ".join((*german, *plain))


def search_query(text: str) -> str:
    """The FTS5 expression for what a cashier typed; empty if no word has two letters.

    A single digit must stand as a word of its own ("milch 1 l"); a single letter is not looked at.
    """
    words = query_words(text)
    long = [f'"{word}"*' for word in words if len(word) >= WORD_MIN_LENGTH]
    if not long:
        return ""
    return " ".join((*long, *(f'"{word}"' for word in words if len(word) == 1 and word.isdigit())))


def query_words(text: str) -> list[str]:
    """The folded words of what somebody looks for, each once."""
    return list(dict.fromkeys(_words(text, german=True)))[:QUERY_WORDS_MAX]


def _words(text: str, *, german: bool) -> list[str]:
    folded = unicodedata.normalize("NFC", text.lower())
    return [word for part in _WORD.findall(folded) for word in _fold(part, german)]


@lru_cache(maxsize=20_000)
def _fold(word: str, german: bool) -> tuple[str, ...]:
    """The letters of one word without their marks; rarely several words (`½` is `1` and `2`). Names repeat words."""
    if word.isascii():
        return (word,)
    if german:
        word = word.translate(_GERMAN)
    plain = unicodedata.normalize("NFKD", word.casefold())
    return tuple(_WORD.findall("".join(char for char in plain if not unicodedata.combining(char))))
