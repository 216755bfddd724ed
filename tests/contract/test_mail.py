"""E-mail against real servers on real sockets: what is said about a letter is what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pos.system import ThreadWorker
from sync.hub.shop.letters.mail import Mail, MailServer, _Conversation, compose, plain_address
from sync.hub.shop.letters.messenger import Letter, Outcome
from tests.contract.hub_kit import Clock
from tests.contract.mail_rig import PASSWORD, USER, Box, mail_server, part, server_at, told
from tests.contract.test_tls import certificate

LETTER = Letter(
    "erika@example.com",
    "Ihre Bestellung W-17 liegt bereit – 5 €",
    "Grüße\n.\n..zwei Punkte\n",
    "<p>Grüße</p>",
    "demo/order/17/ready",
)
READY = ("220 mail.test", "250 mail.test", "250 OK", "250 OK", "354 go on")


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test-mail")
    yield worker
    worker.close()


@pytest.fixture
def send(worker: ThreadWorker) -> Callable[..., Awaitable[Outcome]]:
    def sending(port: int, letter: Letter = LETTER, **options: Any) -> Awaitable[Outcome]:
        return Mail(server_at(port, **options), worker, Clock()).send(letter)

    return sending


Send = Callable[..., Awaitable[Outcome]]


def test_a_letter_arrives_whole_with_both_parts_and_an_id_that_follows_from_its_key(send: Send) -> None:
    box = Box()

    async def scenario() -> tuple[Outcome, Outcome]:
        async with mail_server(box) as port:
            return await send(port), await send(port)

    first, second = asyncio.run(scenario())
    assert first == second == Outcome("sent", "250 2.0.0")
    one, two = box.mails
    assert part(one, "plain") == LETTER.text
    assert part(one, "html").strip() == LETTER.html
    assert one["Subject"] == LETTER.subject
    assert one["From"] == "laden@example.org"
    assert one["Auto-Submitted"] == "auto-generated"
    assert one["Message-ID"] == two["Message-ID"]
    assert "order" not in one["Message-ID"]
    assert box.to == ["erika@example.com"] * 2


def test_starttls_and_login_before_anything_is_said_of_the_letter(send: Send, tmp_path: Path) -> None:
    box = Box()
    tls = certificate(tmp_path)

    async def scenario() -> tuple[Outcome, ...]:
        async with mail_server(box, tls) as port:
            named: dict[str, Any] = {"security": "starttls", "user": USER, "password": PASSWORD}
            return (
                await send(port, **named, ca=tls[0]),
                await send(port, **{**named, "password": "falsch"}, ca=tls[0]),
                await send(port, **named),  # an authority that nobody knows
            )

    good, wrong, stranger = asyncio.run(scenario())
    assert good == Outcome("sent", "250 2.0.0")
    assert wrong == Outcome("later", "535 5.7.8", server=True)
    assert stranger == Outcome("later", "tls", server=True)
    assert (box.logins, box.encrypted, len(box.mails)) == (1, [True], 1)


def test_tls_from_the_first_byte(send: Send, tmp_path: Path) -> None:
    box = Box()
    tls = certificate(tmp_path)

    async def scenario() -> Outcome:
        async with mail_server(box, tls, wrapped=True) as port:
            return await send(port, security="ssl", ca=tls[0])

    assert asyncio.run(scenario()).how == "sent"
    assert len(box.mails) == 1


def test_no_password_and_no_letter_without_the_encryption_that_was_asked_for(send: Send) -> None:
    async def scenario() -> tuple[Outcome, list[bytes]]:
        async with told("220 mail.test", "250 mail.test", "250 OK") as (port, server):
            return await send(port, security="starttls", user=USER, password=PASSWORD), server.heard

    outcome, heard = asyncio.run(scenario())
    assert outcome == Outcome("later", "not-offered", server=True)
    assert [line.split()[0] for line in heard] == [b"ehlo"]
    with pytest.raises(ValueError, match="starttls or ssl"):
        MailServer("mail.example", 25, "insecure", "a@example.org", user="u", password="p")


@pytest.mark.parametrize(
    ("rcpt", "data", "outcome"),
    [
        (["450 4.2.1 <erika@example.com> busy"], [], Outcome("later", "450 4.2.1")),
        (["550 5.1.1 <erika@example.com> unknown"], [], Outcome("refused", "550 5.1.1")),
        (["421 4.3.2 going down"], [], Outcome("later", "421 4.3.2", server=True)),
        ([], ["451 4.3.0 try again"], Outcome("later", "451 4.3.0")),
        ([], ["554 5.7.1 spam"], Outcome("refused", "554 5.7.1")),
    ],
)
def test_a_refusal_keeps_the_code_and_not_the_address(
    send: Send, rcpt: list[str], data: list[str], outcome: Outcome
) -> None:
    box = Box()
    box.rcpt, box.data = rcpt, data

    async def scenario() -> Outcome:
        async with mail_server(box) as port:
            return await send(port)

    assert asyncio.run(scenario()) == outcome
    assert box.mails == []


def test_a_server_that_is_down_or_says_no_at_once_is_the_servers_trouble(send: Send) -> None:
    async def scenario() -> list[Outcome]:
        async with told("554 go away") as (port, _):
            first = await send(port)
        second = await send(port)  # nobody listens any more
        async with told("220 mail.test", "250 mail.test", "550 5.7.1 not you") as (port, _):
            return [first, second, await send(port)]

    assert asyncio.run(scenario()) == [
        Outcome("later", "554", server=True),
        Outcome("later", "unreachable", server=True),
        Outcome("later", "550 5.7.1", server=True),
    ]


@pytest.mark.parametrize("stage", range(len(READY)))
def test_a_line_that_is_cut_before_the_letter_ends_means_not_sent(send: Send, stage: int) -> None:
    async def scenario() -> Outcome:
        async with told(*READY[:stage], "cut") as (port, _):
            return await send(port)

    assert asyncio.run(scenario()).how == "later"


def test_a_line_that_is_cut_within_the_letter_means_not_sent(worker: ThreadWorker) -> None:
    async def scenario() -> Outcome:
        async with told(*READY, "half") as (port, _):
            # More than all buffers on the way hold, so that the cut is met before the final dot.
            talk = _Conversation(server_at(port), "a@example.com", b"lang genug\r\n" * 1_000_000)
            return await worker.run(talk.hold)

    assert asyncio.run(scenario()) == Outcome("later", "cut", server=True)


def test_without_an_answer_after_the_end_of_the_letter_nobody_knows(send: Send) -> None:
    async def scenario() -> tuple[Outcome, int, Outcome]:
        async with told(*READY, "swallow") as (port, server):
            cut = await send(port)
        async with told(*READY, "letter", "hang") as (port, _):
            return cut, server.letters, await send(port, step_s=0.1)

    assert asyncio.run(scenario()) == (
        Outcome("unknown", "cut", server=True), 1, Outcome("unknown", "cut", server=True),
    )  # fmt: skip


def test_a_server_that_cuts_after_its_yes_has_the_letter(send: Send) -> None:
    async def scenario() -> Outcome:
        async with told(*READY, "letter", "250 2.0.0 taken", "cut") as (port, _):
            return await send(port)

    assert asyncio.run(scenario()) == Outcome("sent", "250 2.0.0")


@pytest.mark.parametrize(("script", "how"), [(("hang",), "later"), (("220 mail.test", "drip"), "later")])
def test_a_slow_server_is_left_in_time(send: Send, script: tuple[str, ...], how: str) -> None:
    async def scenario() -> Outcome:
        async with told(*script) as (port, _):
            # One wait may be long, and bytes that drip never let it run out: the whole has a limit of its own.
            return await asyncio.wait_for(send(port, step_s=30, limit_s=0.2), 10)

    assert asyncio.run(scenario()).how == how


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b.de",
        "a@b.de\r\nBcc: c@d.de",
        "a b@c.de",
        "ä@example.com",
        "a@b..de",
        ".a@b.de",
        "a@b.de, c@d.de",
        "<a@b.de>",
    ],
)
def test_what_is_no_address_is_never_said_to_a_server(send: Send, address: str) -> None:
    async def scenario() -> Outcome:
        return await send(1, Letter(address, "x", "y", "", "k"))

    assert asyncio.run(scenario()) == Outcome("refused", "address")


def test_an_address_with_letters_of_other_alphabets_in_its_domain_is_written_as_mail_servers_know_it() -> (
    None
):
    assert plain_address("info@Müller.example") == "info@xn--mller-kva.example"


def test_no_field_breaks_out_of_its_line() -> None:
    letter = Letter("a@example.com", "Hallo\r\nBcc: b@example.com", "x", "", "k")
    mail = compose(letter, server_at(25, sender_name="Laden\nX: y"), Clock())
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert mail["Subject"] == "Hallo Bcc: b@example.com"
