"""Requests and answers are signed as RFC 9421 says, and nothing that was changed passes."""

import base64
from typing import Any

import pytest

from sync.keys import SigningKey, key_id_of
from sync.signatures import (
    SignatureError,
    answer_headers,
    base_of,
    content_digest,
    has_digest,
    holds,
    params_of,
    read_signature,
    request_headers,
    verify_answer,
    verify_request,
)

# RFC 9421, appendix B.1.4 (the seed is the end of the PKCS#8 structure) and B.2.6.
RFC_SEED = base64.b64decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF")[-32:]
RFC_PUBLIC = base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")[-32:]
RFC_INPUT = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
RFC_VALUES = {
    '"date"': "Tue, 20 Apr 2021 02:07:55 GMT",
    '"@method"': "POST",
    '"@path"': "/foo",
    '"@authority"': "example.com",
    '"content-type"': "application/json",
    '"content-length"': "18",
}

KEY = SigningKey(b"k" * 32)
BODY = b'{"hello": "world"}'


def signed(body: bytes = BODY, **changes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A request as `verify_request` wants it, and its headers."""
    request = {"method": "POST", "path": "/v1/tills/s/1/facts", "query": "a=1&b=2", **changes}
    headers = {"content-type": "application/json", "content-encoding": "gzip"} if body else {}
    headers |= request_headers(
        KEY.sign,
        keyid="s/1/" + KEY.key_id,
        tag="node",
        headers=headers,
        body=body,
        created=1000,
        expires=1120,
        nonce=b"n" * 16,
        **request,
    )
    return request, headers


def test_the_vector_of_the_rfc_for_ed25519() -> None:
    assert SigningKey(RFC_SEED).public == RFC_PUBLIC
    headers = {"signature-input": f"sig-b26={RFC_INPUT}", "signature": f"sig-b26=:{RFC_SIGNATURE}:"}
    found = read_signature(headers, "sig-b26")
    assert (found.created, found.keyid, found.params) == (1618884473, "test-key-ed25519", RFC_INPUT)
    assert holds(found, RFC_PUBLIC, RFC_VALUES)
    assert not holds(found, RFC_PUBLIC, {**RFC_VALUES, '"@path"': "/bar"})
    params = params_of(tuple(RFC_VALUES), created=1618884473, keyid="test-key-ed25519")
    assert params == RFC_INPUT
    again = SigningKey(RFC_SEED).sign(base_of(tuple(RFC_VALUES), params, RFC_VALUES))
    assert base64.b64encode(again).decode() == RFC_SIGNATURE


@pytest.mark.parametrize(
    ("body", "digest"),
    [  # RFC 9421, 2.5 and RFC 9530, appendix B.1
        (b'{"hello": "world"}', "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        (b'{"hello": "world"}\n', "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="),
    ],
)
def test_the_vectors_for_content_digest(body: bytes, digest: str) -> None:
    assert content_digest(body) == f"sha-256=:{digest}:"
    assert has_digest(f"sha-256=:{digest}:", body)
    assert has_digest(f"sha-512=:AAAA:, sha-256=:{digest}:", body)
    assert not has_digest(f"sha-256=:{digest}:", body + b" ")
    for wrong in (
        "",
        "sha-256=",
        "sha-512=:AAAA:",
        f"sha-256={digest}",
        f"sha-256=:{digest}:,",
        "sha-256=:A:",
    ):
        assert not has_digest(wrong, body)


def test_a_signed_request_holds_and_says_who_when_and_for_whom() -> None:
    request, headers = signed()
    found = read_signature(headers)
    verify_request(found, KEY.public, headers=headers, **request)
    assert (found.created, found.expires, found.tag) == (1000, 1120, "node")
    assert found.keyid == f"s/1/{key_id_of(KEY.public)}"
    assert base64.b64decode(found.nonce) == b"n" * 16
    assert has_digest(headers["content-digest"], BODY)


def test_a_request_without_a_body_covers_no_headers_of_a_body() -> None:
    request, headers = signed(b"", method="GET")
    found = read_signature(headers)
    assert found.components == ('"@method"', '"@path"', '"@query"')
    verify_request(found, KEY.public, headers=headers, **request)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/v1/tills/s/2/facts"},
        {"query": "a=1&b=3"},
        {"query": ""},
        {"content-type": "application/x-ndjson"},
        {"content-encoding": "identity"},
        {"content-digest": content_digest(b"other")},
    ],
)
def test_a_request_that_was_changed_does_not_hold(change: dict[str, str]) -> None:
    request, headers = signed()
    found = read_signature(headers)
    for name, value in change.items():
        (request if name in request else headers)[name] = value
    with pytest.raises(SignatureError):
        verify_request(found, KEY.public, headers=headers, **request)


def test_a_header_that_the_signature_leaves_out_must_not_be_there() -> None:
    request, headers = signed(b"", method="GET")
    found = read_signature(headers)
    for name, value in {"content-type": "application/json", "content-encoding": "gzip"}.items():
        with pytest.raises(SignatureError, match="must cover"):
            verify_request(found, KEY.public, headers={**headers, name: value}, **request)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("created=1000", "created=1001"),
        ("expires=1120", "expires=9120"),
        ('tag="node"', 'tag="edon"'),
        ('"@path" ', ""),
        (' "content-digest"', ""),
        ('alg="ed25519"', 'alg="rsa-v1_5-sha256"'),
        ("keyid", "yekid"),
    ],
)
def test_the_parameters_are_signed_too(old: str, new: str) -> None:
    request, headers = signed()
    assert old in headers["signature-input"]
    headers["signature-input"] = headers["signature-input"].replace(old, new)
    with pytest.raises(SignatureError):
        verify_request(read_signature(headers), KEY.public, headers=headers, **request)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tresen",
        "tresen=",
        'tresen=("@method"',
        'tresen=("@method"  "@path");created=1',
        'tresen=("@method" "@method");created=1',
        'tresen=("@method");created=1;created=2',
        'tresen=("@method");created="1"',
        'tresen=("@method");created=1.5',
        'tresen=("@method");keyid=token',
        r'tresen=("@method");keyid="a\"b"',
        'tresen=("@method");keyid="ä"',
        'tresen=("@method"), tresen=("@path")',
        'tresen=("@method"),',
        'tresen=("@method") other=("@path")',
        'other=("@method");created=1',
        'tresen=("@method");' + "a=1;" * 2000 + "b=1",
    ],
)
def test_an_input_that_is_not_in_the_one_form_is_refused(text: str) -> None:
    with pytest.raises(SignatureError):
        read_signature({"signature-input": text, "signature": "tresen=:AAAA:"})


def test_signatures_of_others_stand_beside_ours() -> None:
    request, headers = signed()
    headers["signature-input"] = 'proxy=("@authority" "x";sf);created=1, ' + headers["signature-input"]
    headers["signature"] += ", proxy=:AAAA:"
    verify_request(read_signature(headers), KEY.public, headers=headers, **request)


def test_another_key_signed_nothing() -> None:
    request, headers = signed()
    with pytest.raises(SignatureError):
        verify_request(read_signature(headers), SigningKey(b"x" * 32).public, headers=headers, **request)


NODE = SigningKey(b"node" * 8)


def answer(request_signature: bytes, body: bytes = BODY, status: int = 200) -> dict[str, str]:
    return answer_headers(
        NODE.sign, keyid="node", status=status, body=body, request_signature=request_signature, created=1000
    )


def test_an_answer_belongs_to_one_request() -> None:
    headers = answer(b"a" * 64)
    found = verify_answer(NODE.public, status=200, headers=headers, body=BODY, request_signature=b"a" * 64)
    assert found.created == 1000
    assert found.components[2] == '"signature";req;key="tresen"'
    for wrong in (b"b" * 64, b""):
        with pytest.raises(SignatureError):
            verify_answer(NODE.public, status=200, headers=headers, body=BODY, request_signature=wrong)


def test_an_answer_to_an_unsigned_request_serves_no_signed_one() -> None:
    headers = answer(b"")
    verify_answer(NODE.public, status=200, headers=headers, body=BODY, request_signature=b"")
    with pytest.raises(SignatureError):
        verify_answer(NODE.public, status=200, headers=headers, body=BODY, request_signature=b"a" * 64)


def test_an_answer_that_was_changed_does_not_hold() -> None:
    headers = answer(b"a" * 64)
    changed: list[dict[str, Any]] = [
        {"status": 201},
        {"body": b"{}"},
        {"body": b"{}", "headers": {**headers, "content-digest": content_digest(b"{}")}},
        {"headers": {}},
        {"headers": {**headers, "signature": "tresen=:AAAA:"}},
    ]
    for change in changed:
        with pytest.raises(SignatureError):
            verify_answer(
                NODE.public,
                **{"status": 200, "headers": headers, "body": BODY, "request_signature": b"a" * 64, **change},
            )
    with pytest.raises(SignatureError):
        verify_answer(KEY.public, status=200, headers=headers, body=BODY, request_signature=b"a" * 64)
