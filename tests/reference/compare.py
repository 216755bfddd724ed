"""The engine and the reference side by side on random baskets.

`promotion_baskets(seed, count, progress)` is a phase's run: one basket per seed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain import promotions as engine
from tests.reference.baskets import KINDS, random_basket
from tests.reference.promotions import reference
from tests.reference.records import Application, Basket, Line, Promotion, Result, Selection

__all__ = ["difference", "engine_result", "promotion_baskets", "smallest"]

Evaluate = Callable[..., engine.Evaluated]
TELLS_EVERY = 100


def promotion_baskets(seed: int, count: int, progress: Callable[[int], None]) -> dict[str, int]:
    """Compares `count` baskets from `seed` on; figures of what the reference found in them.

    Raises AssertionError with the seed of the first that differs, and the smallest part of it that still does.
    """
    found: Counter[str] = Counter(dict.fromkeys(("lines", "promotions", "applications", *KINDS), 0))
    for done in range(count):
        basket = random_basket(seed + done)
        result = reference(basket)
        if difference(basket, result):
            small = smallest(basket)
            raise AssertionError(f"basket of seed {seed + done}: {difference(small)}\n{small}")
        kinds = {promotion.id: promotion.kind for promotion in basket.promotions}
        found["lines"] += len(basket.lines)
        found["promotions"] += len(basket.promotions)
        found["applications"] += len(result.applications)
        found.update(kinds[application.promotion] for application in result.applications)
        if (done + 1) % TELLS_EVERY == 0 or done + 1 == count:
            progress(done + 1)
    return {"baskets": count, **found}


def difference(basket: Basket, result: Result | None = None) -> str:
    """Empty if both say the same, the engine also with lines and promotions in another order and scan by scan.

    `result` is the reference's, where it is known already.
    """
    wanted = result or reference(basket)
    turned = replace(basket, lines=basket.lines[::-1], promotions=basket.promotions[::-1])
    for given, evaluate in ((basket, engine.evaluate), (turned, engine.evaluate), (basket, _scan_by_scan)):
        try:
            got = engine_result(given, evaluate)
        except Exception as error:  # noqa: BLE001 (whatever it raises, the reference did not)
            return f"reference {wanted}, engine {error!r}"
        if got != wanted or list(got.used) != list(wanted.used):
            return f"reference {wanted}, engine {got}"
    return ""


# The engine's names for the same things


def engine_result(basket: Basket, evaluate: Evaluate) -> Result:
    coupons = dict(basket.coupons)
    left = {name: engine.Left(given.uses, given.minor) for name, given in basket.left.items()}
    evaluated = evaluate(
        [engine.PromotionLine(**_fields(line)) for line in basket.lines],
        [_engine_promotion(promotion) for promotion in basket.promotions],
        moment=basket.moment,
        groups=basket.groups,
        coupons=coupons,
        left=left,
    )
    assert coupons == basket.coupons, "the coupons given are not changed"
    return Result(
        tuple(
            Application(given.promotion, given.text, tuple((share.n, share.minor) for share in given.shares))
            for given in evaluated.applications
        ),
        {given.promotion: (given.uses, given.minor) for given in evaluated.used},
    )


def _scan_by_scan(
    lines: Sequence[engine.PromotionLine], promotions: Sequence[engine.Promotion], **given: Any
) -> engine.Evaluated:
    """As the till does it: one pricer, and the cart after each scan. Groups and coupons come after half of the scans.

    Another pricer first saw another line in the place of the first one; it says the same.
    """
    book = engine.Book(promotions)
    in_order = sorted(lines, key=lambda line: line.n)
    bare: dict[str, Any] = {**given, "groups": (), "coupons": {}, "left": {}}
    pricer = engine.Pricer(book)
    for count in range(len(lines) // 2 + 1):
        pricer.evaluate(in_order[:count], **bare)
    for count in range(len(lines) // 2, len(lines) + 1):
        answer = pricer.evaluate(in_order[:count], **given)
    other = engine.Pricer(book)
    if in_order:
        first = in_order[0]
        dearer = msgspec.structs.replace(
            first, unit_minor=first.unit_minor + 7, total_minor=first.total_minor + 7
        )
        other.evaluate([dearer, *in_order[1:]], **given)
    assert other.evaluate(in_order, **given) == answer, "a line in the place of another"
    return answer


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _engine_promotion(promotion: Promotion) -> engine.Promotion:
    given = _fields(promotion)
    given["selection"] = _engine_selection(promotion.selection)
    given["parts"] = tuple(
        engine.Part(count=part.count, selection=_engine_selection(part.selection)) for part in promotion.parts
    )
    return engine.Promotion(**given)


def _engine_selection(selection: Selection) -> engine.Selection:
    return engine.Selection(**_fields(selection))


# The smallest basket that differs


def smallest(basket: Basket, differs: Callable[[Basket], object] = difference) -> Basket:
    """Nothing can be left out of what remains without the two agreeing again."""
    while True:
        for less in _less(basket):
            if differs(less):
                basket = less
                break
        else:
            return basket


def _less(basket: Basket) -> Iterator[Basket]:
    for i in range(len(basket.promotions)):
        yield replace(basket, promotions=basket.promotions[:i] + basket.promotions[i + 1 :])
    for i in range(len(basket.lines)):
        yield replace(basket, lines=basket.lines[:i] + basket.lines[i + 1 :])
    for i, line in enumerate(basket.lines):
        for fewer in _fewer(line):
            yield replace(basket, lines=(*basket.lines[:i], fewer, *basket.lines[i + 1 :]))
    for field, given in (("left", basket.left), ("coupons", basket.coupons)):
        for name in given:
            rest: Any = {key: value for key, value in given.items() if key != name}
            yield replace(basket, **{field: rest})
    for i, promotion in enumerate(basket.promotions):
        for plainer in _plainer(promotion):
            yield replace(basket, promotions=(*basket.promotions[:i], plainer, *basket.promotions[i + 1 :]))


def _fewer(line: Line) -> Iterator[Line]:
    """Fewer pieces; what a weighed line costs is its own business."""
    if line.unit == "pc" and line.quantity % 1 == 0:
        for quantity in (line.quantity // 2, line.quantity - 1):
            if quantity > 0:
                yield replace(line, quantity=Decimal(quantity), total_minor=int(quantity) * line.unit_minor)


def _plainer(promotion: Promotion) -> Iterator[Promotion]:
    plain = Promotion("", "")
    for names in (
        ("selection",),
        ("valid_from",),
        ("valid_to",),
        ("weekdays",),
        ("time_from", "time_to"),
        ("groups",),
        ("coupon", "per_coupon"),
        ("per_coupon",),
        ("per_sale",),
        ("priority",),
        ("combinable",),
    ):
        values: Any = {name: getattr(plain, name) for name in names}
        if any(getattr(promotion, name) != value for name, value in values.items()):
            yield replace(promotion, **values)
