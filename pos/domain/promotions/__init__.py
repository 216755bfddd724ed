"""Promotions: rows of data, and the one rule that computes them (docs/promotions.md)."""

from pos.domain.promotions.answer import Application, Evaluated, Share, Used
from pos.domain.promotions.book import Book, evaluate
from pos.domain.promotions.given import Left, Priced, PromotionLine
from pos.domain.promotions.pricer import Pricer
from pos.domain.promotions.rows import KINDS, Kind, Part, Promotion, Selection

__all__ = [
    "KINDS",
    "Application",
    "Book",
    "Evaluated",
    "Kind",
    "Left",
    "Part",
    "Priced",
    "Pricer",
    "Promotion",
    "PromotionLine",
    "Selection",
    "Share",
    "Used",
    "evaluate",
]
