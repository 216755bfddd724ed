"""What stands under a receipt: one question, the way to an invoice and to a person, and cases that there are."""

from collections.abc import Mapping
from functools import partial

import msgspec
from sqlalchemy.engine import Connection

from receipts.look import Look
from sync.hub.service import Hub
from sync.hub.shop.cases import core, survey
from sync.hub.shop.cases.messages import CaseBrief
from sync.hub.shop.kit.work import Work
from sync.hub.vault import has_vault
from sync.hub.web.frame import CUSTOMER, template, word, words_have

__all__ = ["Subject", "below"]


class Subject(msgspec.Struct, frozen=True):
    """A receipt as cases name it: `about` is till-epoch-number."""

    store: str
    about: str
    customer: str = ""


async def below(
    hub: Hub, look: Look, subject: Subject | None, link: str, language: str, asked: Mapping[str, str]
) -> Look:
    """The look with that HTML; a relay, and a receipt of a training, have none of it."""
    if subject is None or hub.relay is not None:
        return look
    answered, cases, keys = await hub.database.read("", _find, hub, subject)
    said = f"done-{asked.get('done', '')}"
    html = template("below").render(
        link=link,
        answered=answered,
        cases=cases,
        keys=keys,
        said=word(said, language) if words_have(said, language) else "",
        t=partial(word, language=language),
    )
    return msgspec.structs.replace(look, below=html)


def _find(connection: Connection, hub: Hub, subject: Subject) -> tuple[bool, list[CaseBrief], bool]:
    """`keys`: whether this hub can keep what somebody writes."""
    work = Work(connection, hub.clock.wall_ms(), hub.ids, CUSTOMER)
    answered = survey.is_answered(work, subject.store, subject.about)
    return answered, core.about(work, subject.store, "receipt", subject.about), has_vault(connection)
