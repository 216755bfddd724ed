"""The world as the till sees it in training: the same journal, paper and articles, and nothing that is real.

What is written is kept as `Training`; what is looked up is what was done since training began. The drawer stays shut, and no
receipt gets a link. The till's parts know nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from pos.device_ports import PrintJob, ReceiptPrinter
from pos.domain.document import Document
from pos.facts import Fact, StoredFact, Training
from pos.mentions import mentions_of
from pos.ports import Hub
from pos.sale_facts import Sale
from pos.storage_ports import TILL_LOCKED, Found, Head, History, Journal, Memory
from pos.till_facts import EpochOpened, TrainingBegan, TrainingEnded

__all__ = ["PracticeHistory", "PracticeHub", "PracticeJournal", "PracticeMemory", "PracticePrinter"]

_AS_THEY_ARE = TrainingBegan | TrainingEnded | EpochOpened | Training


class PracticeJournal:
    """ports.Journal: facts go in as `Training`, and the head is that of training."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @property
    def head(self) -> Head:
        head = self._journal.head
        return head if head.training is None else head.training

    async def append(self, facts: Sequence[Fact]) -> Sequence[StoredFact]:
        return await self._journal.append([_trained(fact) for fact in facts])

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> StoredFact:
        return await self._journal.open_epoch(fact, first_seq, prev_hash, epoch)

    async def reopen(self) -> Head:
        await self._journal.reopen()
        return self.head

    async def cart_ended(self, cart_id: str) -> bool:
        return await self._journal.cart_ended(cart_id)


class PracticeHistory:
    """ports.History of what was done since training began; it is little, and read anew each time."""

    def __init__(self, history: History, journal: Journal) -> None:
        self._history = history
        self._journal = journal

    async def receipt(self, epoch: int, number: int) -> Found | None:
        found = await self._sales()
        return next((one for one, sale in found if (one.epoch, sale.number) == (epoch, number)), None)

    async def by_link(self, link: str) -> Found | None:
        return next((one for one, sale in await self._sales() if link and sale.link == link), None)

    async def recent(self, limit: int, before: tuple[int, int] | None = None) -> Sequence[Found]:
        found = [
            one for one, sale in await self._sales() if before is None or (one.epoch, sale.number) < before
        ]
        return found[::-1][:limit]

    async def mentions(self, kind: str, key: str) -> Sequence[Found]:
        return [one for one in await self._all() if (kind, key) in mentions_of(_as_if_real(one.fact))]

    async def session(self, session: str) -> Sequence[Found]:
        first = int(session.rpartition("-")[2])
        return [one for one in await self._all() if one.seq >= first]

    async def promotions_used(self) -> Mapping[str, tuple[int, int]]:
        """The real ones: training uses nothing up."""
        return await self._history.promotions_used()

    async def _sales(self) -> list[tuple[Found, Sale]]:
        return [(one, one.fact) for one in await self._all() if isinstance(one.fact, Sale)]

    async def _all(self) -> list[Found]:
        head = self._journal.head
        found = await self._history.session(f"{head.epoch}-{head.training_since}")
        return [replace(one, fact=one.fact.fact) for one in found if isinstance(one.fact, Training)]


class PracticeHub:
    """ports.Hub: what was done in training goes up too, but no receipt of it has a page."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def kick(self) -> None:
        self._hub.kick()

    def receipt_link(self) -> str:
        return ""

    def gift_link(self, link: str) -> str:
        return self._hub.gift_link(link)

    def receipt_of_gift(self, gift_link: str) -> str:
        return self._hub.receipt_of_gift(gift_link)


class PracticeMemory:
    """ports.Memory under names of this training's own; only the lock of the till is a real one."""

    def __init__(self, memory: Memory, journal: Journal) -> None:
        self._memory = memory
        self._journal = journal

    async def get(self, key: str) -> bytes | None:
        return await self._memory.get(self._name(key))

    async def put(self, key: str, value: bytes) -> None:
        await self._memory.put(self._name(key), value)

    def _name(self, key: str) -> str:
        return key if key == TILL_LOCKED else f"training.{self._journal.head.training_since}.{key}"


class PracticePrinter:
    """ports.ReceiptPrinter: every piece of paper is marked, at its top and at its bottom. `mark` gives the words."""

    def __init__(self, printer: ReceiptPrinter, mark: Callable[[], str]) -> None:
        self._printer = printer
        self._mark = mark

    def submit(self, job: PrintJob) -> None:
        sale, document = job.sale, job.document
        if sale is not None:
            sale = replace(sale, training=True)
        if document is not None:
            document = self._marked(document)
        self._printer.submit(replace(job, sale=sale, document=document))

    def decide(self, job_id: str, choice: str) -> None:
        self._printer.decide(job_id, choice)

    def _marked(self, document: Document) -> Document:
        mark = self._mark()
        return document if mark in document.marks else replace(document, marks=(mark, *document.marks))


def _trained(fact: Fact) -> Fact:
    if isinstance(fact, _AS_THEY_ARE):
        return fact
    if "training" in fact.__struct_fields__:
        fact = replace(fact, training=True)
    return Training(fact)


def _as_if_real(fact: Fact) -> Fact:
    return replace(fact, training=False) if isinstance(fact, Sale) else fact
