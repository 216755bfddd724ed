"""A shop in memory: the ports of a real Till, and the app on it under Pilot."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from textual.pilot import Pilot

from pos.card_ports import CardTerminal
from pos.cart_facts import CartAbandoned, CartParked
from pos.device_ports import PrintJob, Scale
from pos.domain import commands as c
from pos.domain.article import Article, Deposit, Product
from pos.domain.cart import Cart
from pos.domain.codes import check_digit, key_of
from pos.domain.price_lists import PricesBefore
from pos.domain.price_past import Ran
from pos.domain.price_said import Held
from pos.domain.promotions import Book, Promotion
from pos.domain.rights import Role
from pos.domain.shelf_label import PriceChange
from pos.entry import load_keymap
from pos.facts import Fact, StoredFact, Training
from pos.journal.heads import follow
from pos.mentions import mentions_of
from pos.node_ports import Parks, ShopDesk
from pos.ports import Operator, PromotionsUnavailableError, SignInRefusedError
from pos.psp_ports import PaymentLine
from pos.resources import tax_table
from pos.sale_facts import Sale, counts_for_budgets
from pos.storage_ports import Found, Head, JournalUnavailableError
from pos.till import Till, TillSetup, World
from pos.till_facts import EpochOpened
from pos.tui.app import TillApp
from pos.tui.themes import load_theme

GOLDEN = Path(__file__).parent / "golden"
LINK = "http://192.168.178.20:8080/r/demo.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAA"
PIN = "4711"

_SHELF = (
    ("4000000000013", "Bio-Vollmilch 3,8 % 1 l", "B", 139, "pc"),
    ("4000000000020", "Joghurt Erdbeere 150 g", "B", 59, "pc"),
    ("4000000000037", "Butter 250 g", "B", 249, "pc"),
    ("4000000000044", "Vollkornbrot 750 g", "B", 329, "pc"),
    ("4000000000051", "Schokolade Nuss 100 g", "B", 209, "pc"),
    ("4000000000068", "T-Shirt Basic M dunkelblau", "A", 1299, "pc"),
)
MILK, YOGHURT, BUTTER, BREAD, CHOCOLATE, SHIRT = (row[0] for row in _SHELF)
WATER = "4000000000075"
APPLES = "2000000000022"
BEER = "4000000000082"
UNKNOWN = "4006381333931"
BROKEN = "4000000000014"
NO_PRICE = "4000000000099"


def articles() -> list[Article]:
    shelf = [
        Article(f"S{at}", text, tax, price, gtin=gtin, unit=unit, department=1)
        for at, (gtin, text, tax, price, unit) in enumerate(_SHELF, start=1)
    ]
    deposit = Deposit("P25", "Pfand", 25, "A")
    shelf.append(Article("S7", "Mineralwasser classic 1 l", "A", 89, gtin=WATER, deposit=deposit))
    shelf.append(Article("S8", "Äpfel Elstar", "B", 249, gtin=APPLES, unit="kg"))
    shelf.append(Article("S9", "Bier Pils 0,5 l", "A", 119, gtin=BEER, min_age=16))
    shelf.append(Article("S10", "Blumen vom Feld", "B", None, gtin=NO_PRICE))
    shelf += [
        Article(
            f"T{n}",
            f"Tee Sorte {n:02d} mit einem langen Namen, der gekürzt wird",
            "B",
            300 + n,
            gtin=code(500 + n),
        )
        for n in range(1, 26)
    ]
    return shelf


def code(number: int) -> str:
    body = f"4{number:011d}"
    return f"{body}{check_digit(body)}"


class FakeClock:
    boot_id = "boot"

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 11, 21, 14, 7, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))
        self.ms = 1_000_000

    def now(self) -> dt.datetime:
        return self.time

    def wall_ms(self) -> int:
        return int(self.time.timestamp() * 1000)

    def mono_ms(self) -> int:
        return self.ms


class FakeIds:
    def __init__(self) -> None:
        self._count = 0
        self._tokens = -1

    def new_id(self) -> str:
        self._count += 1
        return f"{self._count:026d}"

    def token(self, size: int) -> bytes:
        self._tokens += 1
        return self._tokens.to_bytes(size, "big")


class FakeJournal:
    def __init__(self) -> None:
        self.head = Head("s", "3", 1, 0, bytes(32), next_number=20_417, business_day="2026-11-21")
        self.facts: list[Fact] = []
        self.broken: JournalUnavailableError | None = None
        self.gate: asyncio.Event | None = None

    async def append(self, facts: Sequence[Fact]) -> Sequence[StoredFact]:
        if self.gate is not None:
            await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        rows = []
        for fact in facts:
            self.facts.append(fact)
            rows.append(_stored(len(self.facts)))
            self.head = follow(self.head, [fact], rows[-1:])
        return rows

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> StoredFact:
        stored = await self.append([fact])
        seq = max(first_seq, self.head.seq + 1)
        self.head = _head(self.head, epoch=epoch, next_number=1, seq=seq, hash=prev_hash)
        return stored[0]

    async def reopen(self) -> Head:
        if self.broken is not None:
            raise self.broken
        return self.head

    async def cart_ended(self, cart_id: str) -> bool:
        return any(
            isinstance(fact, Sale | CartAbandoned | CartParked) and fact.cart_id == cart_id
            for fact in (fact.fact if isinstance(fact, Training) else fact for fact in self.facts)
        )

    @property
    def sales(self) -> list[Sale]:
        return [fact for fact in self.facts if isinstance(fact, Sale)]


def _head(head: Head, **changes: Any) -> Head:
    return msgspec.structs.replace(head, **changes)


def _stored(seq: int) -> Any:
    return SimpleNamespace(epoch=1, seq=seq, hash=bytes(32), wall_ms=0)


class FakeHistory:
    """ports.History, folded from a FakeJournal's facts; fact n has seq n + 1 of epoch 1."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal

    def _all(self) -> list[Found]:
        return [Found(1, seq, fact) for seq, fact in enumerate(self._journal.facts, start=1)]

    async def receipt(self, epoch: int, number: int) -> Found | None:
        sales = ((found, found.fact) for found in self._all() if found.epoch == epoch)
        return next((f for f, fact in sales if isinstance(fact, Sale) and fact.number == number), None)

    async def by_link(self, link: str) -> Found | None:
        return next((f for f in self._all() if isinstance(f.fact, Sale) and f.fact.link == link), None)

    async def recent(self, limit: int, before: tuple[int, int] | None = None) -> Sequence[Found]:
        sales = [
            f
            for f in self._all()
            if isinstance(f.fact, Sale) and (before is None or f.fact.number < before[1])
        ]
        return sales[::-1][:limit]

    async def mentions(self, kind: str, key: str) -> Sequence[Found]:
        return [found for found in self._all() if (kind, key) in set(mentions_of(found.fact))]

    async def promotions_used(self) -> Mapping[str, tuple[int, int]]:
        used: dict[str, tuple[int, int]] = {}
        for sale in self._journal.sales:
            for one in sale.promotions if counts_for_budgets(sale) else ():
                uses, minor = used.get(one.promotion, (0, 0))
                used[one.promotion] = uses + one.uses, minor + one.minor
        return used

    async def session(self, session: str) -> Sequence[Found]:
        first = int(session.rpartition("-")[2] or 0)
        return [found for found in self._all() if found.seq >= first]


class FakeState:
    problem: JournalUnavailableError | None = None
    cart: Cart | None = None

    def save_cart(self, cart: Cart | None) -> None:
        self.cart = cart

    def supersede(self) -> None:
        pass

    async def flush(self) -> None:
        pass


class FakeMemory:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


class FakeCatalogue:
    def __init__(self, shelf: Sequence[Article]) -> None:
        self._shelf = list(shelf)
        self._by_code = {key_of(a.gtin): a for a in shelf if a.gtin} | {"300": shelf[0]}
        self.changes: dict[dt.date, tuple[PriceChange, ...]] = {}
        self.undated: tuple[PriceChange, ...] = ()
        self.pasts: dict[str, tuple[Held, ...]] = {}

    def add(self, *fresh: Article) -> None:
        self._shelf += fresh
        self._by_code |= {key_of(a.gtin): a for a in fresh if a.gtin}

    def find(self, key: str) -> Article | None:
        return self._by_code.get(key)

    def by_sku(self, sku: str) -> Article | None:
        return next((a for a in self._shelf if a.sku == sku), None)

    async def search(self, text: str, limit: int) -> Sequence[Article]:
        await asyncio.sleep(0)
        words = text.casefold().split()
        return [
            a
            for a in self._shelf
            if all(any(part.startswith(word) for part in a.text.casefold().split()) for word in words)
        ][:limit]

    async def price_changes(self, first: dt.date, last: dt.date) -> Sequence[PriceChange]:
        return tuple(one for day, found in self.changes.items() if first <= day <= last for one in found)

    async def repriced(self) -> Sequence[PriceChange]:
        return self.undated

    async def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        return PricesBefore({sku: self.pasts[sku] for sku in skus if sku in self.pasts})

    async def deposits(self) -> Sequence[Deposit]:
        return tuple({a.deposit.sku: a.deposit for a in self._shelf if a.deposit is not None}.values())

    async def variants(self, product: int) -> Product | None:
        found = tuple(a for a in self._shelf if product and a.product == product)
        return (
            Product(found[0].text.split()[0], ("Größe", "Farbe")[: len(found[0].options)], found)
            if found
            else None
        )

    def departments(self) -> Mapping[int, tuple[str, str]]:
        return {1: ("Lebensmittel", "B"), 2: ("Getränke", "A"), 12: ("Textil", "A")}

    def refresh(self, on: dt.date) -> bool:
        return False

    @property
    def count(self) -> int:
        return len(self._shelf)


class FakePromotions:
    """Rows to be replaced between carts: `rows`."""

    def __init__(self, rows: Sequence[Promotion] = ()) -> None:
        self.rows = tuple(rows)
        self.broken: PromotionsUnavailableError | None = None
        self.book: Book | None = None
        self._read: tuple[Promotion, ...] = ()

    def refresh(self) -> bool:
        if self.broken is not None:
            raise self.broken
        if self.rows == self._read:
            return False
        self._read = self.rows
        self.book = Book(self.rows) if self.rows else None
        return True

    @property
    def ran(self) -> tuple[Ran, ...]:
        return tuple(Ran(0, None, row) for row in self._read)

    @property
    def unusable(self) -> bool:
        return self.broken is not None and not self._read


class FakePeople:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.pins = {"1": PIN, "2": PIN}
        self.due: set[str] = set()
        self.known = [Operator("1", "Kim"), Operator("2", "Alex", role="supervisor")]

    async def sign_in(self, name: str, pin: str) -> Operator:
        await asyncio.sleep(0)
        self.seen.append(name)
        found = next((op for op in self.operators() if name in (op.name, op.operator_id)), None)
        if found is None or pin != self.pins[found.operator_id]:
            raise SignInRefusedError("sign-in-wrong")
        return found

    async def by_badge(self, payload: str) -> Operator:
        await asyncio.sleep(0)
        for operator in self.operators():
            if payload == f"BADGE{operator.operator_id}":
                return operator
        raise SignInRefusedError("badge-unknown")

    async def change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        known = await self.sign_in(operator_id, old)
        self.pins[known.operator_id] = new
        self.due.discard(known.operator_id)
        return msgspec.structs.replace(known, pin_due=False)

    def operators(self) -> Sequence[Operator]:
        return tuple(msgspec.structs.replace(one, pin_due=one.operator_id in self.due) for one in self.known)


class FakePrinter:
    def __init__(self) -> None:
        self.jobs: list[PrintJob] = []
        self.choices: list[str] = []

    def submit(self, job: PrintJob) -> None:
        self.jobs.append(job)

    def decide(self, job_id: str, choice: str) -> None:
        self.choices.append(choice)


class FakeDrawer:
    def __init__(self) -> None:
        self.opened = 0

    def open(self) -> bool:
        self.opened += 1
        return True


class FakeHub:
    def __init__(self, link: str) -> None:
        self._link = link

    def kick(self) -> None:
        pass

    def receipt_link(self) -> str:
        return self._link

    def gift_link(self, link: str) -> str:
        return link[::-1]

    def receipt_of_gift(self, gift_link: str) -> str:
        return gift_link[::-1]


class Shop:
    """A till over fakes; everything a test may want to look at or break."""

    def __init__(
        self,
        *,
        link: str = LINK,
        hub: bool = True,
        language: str = "de",
        demo: bool = True,
        journal: FakeJournal | None = None,
        roles: tuple[Role, ...] = (),
        promotions: Sequence[Promotion] = (),
        scale: Scale | None = None,
        cards: tuple[CardTerminal, ...] = (),
        parks: Parks | None = None,
        shop: ShopDesk | None = None,
        services: tuple[PaymentLine, ...] = (),
        **setup: Any,
    ) -> None:
        self.hub = hub
        self.cards = cards
        self.clock = FakeClock()
        self.journal = journal or FakeJournal()
        self.state = FakeState()
        self.memory = FakeMemory()
        self.people = FakePeople()
        self.printer = FakePrinter()
        self.drawer = FakeDrawer()
        self.catalogue = FakeCatalogue(articles())
        self.promotions = FakePromotions(promotions)
        world = World(
            journal=self.journal,
            state=self.state,
            catalogue=self.catalogue,
            people=self.people,
            clock=self.clock,
            ids=FakeIds(),
            taxes=tax_table("DE"),
            printer=self.printer,
            drawer=self.drawer,
            hub=FakeHub(link) if hub else None,
            memory=self.memory,
            history=FakeHistory(self.journal),
            promotions=self.promotions,
            scale=scale,
            cards=cards,
            parks=parks,
            shop=shop,
            services=services,
        )
        self.till = Till(world, TillSetup(language=language, demo=demo, roles=roles, **setup))

    async def open(self, *, signed_in: bool = True) -> None:
        await self.till.start(None, (), None)
        self.till.submit(c.DeviceReported("printer", "ready"))
        self.till.submit(c.DeviceReported("scanner", "ready"))
        if self.hub:
            self.till.submit(c.HubReported(online=True, acked_epoch=1, acked_seq=0))
        if signed_in:
            await self.till.handle(c.SignIn("Kim", PIN))

    def fill(self, step: str) -> str:
        """A step of a script, with what only this shop knows."""
        return step

    async def outside(self, what: str) -> None:
        """What happens beyond the till; see tests.demo.shop_day."""
        raise AssertionError(f"this till has no hub: {what}")

    def scan(self, *codes: str) -> None:
        for scanned in codes:
            self.till.submit(c.Scan(scanned))

    async def sell_sketch(self) -> None:
        """The cart of the sketch that the screen was designed on."""
        till = self.till
        self.scan(MILK)
        till.submit(c.SetQuantity(Decimal(3)))
        self.scan(YOGHURT)
        till.submit(c.SetQuantity(Decimal("0.842")))
        self.scan(APPLES, WATER, BUTTER)
        till.submit(c.VoidLast())
        self.scan(UNKNOWN, SHIRT, BREAD, CHOCOLATE)
        await till.settle()

    def app(self, theme: str = "dark", **options: Any) -> TillApp:
        from receipts.qr import qr_blocks, qr_fitting

        options.setdefault("qr_blocks", qr_blocks)
        options.setdefault("qr_fitting", lambda *about: qr_fitting(*about, fine=True))
        options.setdefault("sounds", lambda _: None)
        return TillApp(self.till, load_keymap(), clock=self.clock, theme=load_theme(theme), **options)


class Screen:
    """The app under Pilot: press, look, and read the rows as text."""

    def __init__(self, shop: Shop, app: TillApp, pilot: Pilot[int]) -> None:
        self.shop = shop
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pause()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def scan(self, *codes: str) -> None:
        self.shop.scan(*codes)
        await self.pause()

    async def pause(self) -> None:
        await self.pilot.pause()
        await self.shop.till.settle()
        await self.pilot.pause()

    async def settled(self) -> None:
        """Also what is shown right after the frame, like the code on the paid screen."""
        for _ in range(3):
            await self.pilot.pause(0.02)

    @property
    def text(self) -> str:
        return self.app.drawing.text() + "\n"

    def row(self, containing: str) -> str:
        return next((row for row in self.text.splitlines() if containing in row), "")

    def painted(self) -> str:
        """What Textual's compositor holds: the proof that the rows were really painted."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


@asynccontextmanager
async def opened(
    shop: Shop | None = None, *, size: tuple[int, int] = (80, 24), signed_in: bool = True, **options: Any
) -> AsyncIterator[Screen]:
    shop = shop or Shop()
    await shop.open(signed_in=signed_in)
    app = shop.app(**options)
    async with app.run_test(size=size) as pilot:
        screen = Screen(shop, app, pilot)
        await screen.pause()
        yield screen


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())
