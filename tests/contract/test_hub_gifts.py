"""The page behind a gift receipt's code: valid at once, without a price, and no way from it to the receipt's page."""

import asyncio
import re
from collections.abc import Callable

from sync.links import gift_link
from tests.contract.hub_kit import Till, link_of
from tests.contract.hub_rig import hub_rig, say_hello, send, until_arrived

_PRICE = re.compile(r"\d+[.,]\d\d\b(?!\.)")


def test_a_gift_receipts_page_is_there_at_once_and_never_shows_a_price(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        till = Till()
        async with (
            hub_rig(new_url("sqlite")) as rig,
            rig.asking_from() as till_line,
            rig.asking_from("203.0.113.5") as line,
        ):
            key = (await say_hello(till_line)).link_key
            link = link_of("demo", key)
            gift = gift_link(link, key)
            pending = await line.get(f"/g/{gift}")
            assert pending.status_code == 200
            assert 'http-equiv="refresh"' in pending.text.lower()
            till.sell(1, link=link)
            await send(till_line, till.batch(1, 2))
            receipt = (await until_arrived(line, link, **{"Accept-Language": "de"})).text
            page = await line.get(f"/g/{gift}", headers={"Accept-Language": "de"})
            assert page.status_code == 200
            assert "Geschenkbon" in page.text
            shown = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page.text, flags=re.DOTALL)
            assert _PRICE.search(receipt)
            assert not _PRICE.search(re.sub(r"\d\d\.\d\d\.\d{4}", "", shown)), shown
            assert link not in page.text
            for other in (f"/r/{gift}", f"/g/{link}", f"/g/{gift}.json", f"/r/{gift}.json", "/g/demo"):
                assert (await line.get(other)).status_code == 404, other

    asyncio.run(scenario())
