"""Where webhooks may go, and how they are signed."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress

import pytest

from sync.hub.shop.webhooks.guard import Rules, UrlError, check_url, is_public, target_of
from sync.hub.shop.webhooks.matching import matches
from sync.hub.shop.webhooks.signing import new_secret, signed_headers, verify
from tests.contract.hub_kit import Ids

PUBLIC = Rules()
SHOP = Rules((ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *(
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
        ),
        *(
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "::127.0.0.1",
            "64:ff9b:1::a00:1",
        ),
        "2001:0:0:0:0:0:f5ff:fffe",  # Teredo of 10.0.0.1
    ],
)
def test_what_is_not_reached_from_everywhere_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_what_is_reached_from_everywhere_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("https://", "url"),
        ("https://user@example.com/", "url"),
        ("https://user:pw@example.com/", "url"),
        ("https://example.com/#x", "url"),
        ("https://example.com:0/", "url"),
        ("https://example.com:99999/", "url"),
        ("https://example.com/\r\nX: y", "url"),
        ("https://exa mple.com/", "url"),
        ("https://example.com\\@10.0.0.1/", "url"),
        ("https://[::1/", "url"),
        ("https://ex\u00e4mple.com/", "url"),
        ("https://127.0.0.1/", "private-address"),
        ("https://[::1]:8080/", "private-address"),
        ("https://169.254.169.254/latest/meta-data", "private-address"),
        ("https://example.com/" + "x" * 500, "url"),
    ],
)
def test_an_address_that_is_not_called_is_refused_before_any_look_up(url: str, code: str) -> None:
    with pytest.raises(UrlError) as refused:
        check_url(url, PUBLIC)
    assert refused.value.code == code


def reach(url: str, rules: Rules, *addresses: str) -> str:
    async def look(_host: str, _port: int) -> list[str]:
        if not addresses:
            raise OSError("no such name")
        return list(addresses)

    try:
        return asyncio.run(target_of(url, rules, look)).url
    except UrlError as error:
        return error.code


def test_the_connection_goes_to_an_address_that_was_looked_at() -> None:
    assert (
        reach("https://shop.example/hook?a=1", PUBLIC, "93.184.216.34")
        == "https://93.184.216.34:443/hook?a=1"
    )
    assert reach("https://shop.example:8443", PUBLIC, "2606:4700::1111") == "https://[2606:4700::1111]:8443/"


def test_a_name_that_leads_inside_is_refused_also_where_one_of_several_addresses_does() -> None:
    assert reach("https://shop.example/", PUBLIC, "10.0.0.1") == "private-address"
    assert reach("https://shop.example/", PUBLIC, "93.184.216.34", "127.0.0.1") == "private-address"
    assert (
        reach("https://2130706433/", PUBLIC, "127.0.0.1") == "private-address"
    )  # how a resolver reads a number
    assert reach("https://localhost./", PUBLIC, "::1") == "private-address"
    assert reach("https://shop.example/", PUBLIC) == "no-address"


def test_networks_that_were_allowed_are_open_and_only_into_them_goes_http() -> None:
    assert reach("http://erp.lan/x", SHOP, "10.1.2.3") == "http://10.1.2.3:80/x"
    assert reach("https://erp.lan/x", SHOP, "fd00::5") == "https://[fd00::5]:443/x"
    assert reach("http://erp.lan/x", SHOP, "::ffff:10.1.2.3") == "http://[::ffff:a01:203]:80/x"
    assert reach("http://erp.lan/x", SHOP, "10.2.2.3") == "private-address"
    assert reach("http://shop.example/", SHOP, "93.184.216.34") == "scheme"
    assert reach("http://erp.lan/x", SHOP, "10.1.2.3", "93.184.216.34") == "scheme"


def test_a_signature_is_what_standard_webhooks_says() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    headers = signed_headers([secret], "msg_1", 1_700_000_000, b'{"a":1}')
    expected = hmac.new(bytes(range(32)), b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }


def test_while_a_secret_is_turned_both_check() -> None:
    ids = Ids()
    old, new, other = new_secret(ids), new_secret(ids), new_secret(ids)
    headers = signed_headers([new, old], "m", 1000, b"body")
    assert [verify(secret, headers, b"body", 1000) for secret in (old, new, other)] == [True, True, False]
    assert not verify(new, headers, b"bodY", 1000)
    assert not verify(new, headers, b"body", 1301)
    assert not verify(new, headers, b"body", 699)
    assert not verify(new, {**headers, "webhook-id": "n"}, b"body", 1000)
    assert not verify(new, {**headers, "webhook-timestamp": "1001"}, b"body", 1000)
    assert not verify(new, {}, b"body", 1000)


def test_types_match_by_name_by_family_and_all() -> None:
    assert matches(("order.*",), "order.ready")
    assert not matches(("order.*",), "orders.ready")
    assert not matches(("order.ready",), "order.ready2")
    assert matches(("stock.changed", "*"), "x.y")
