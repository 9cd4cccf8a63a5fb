"""What an image says of itself: IPTC's DataMining and C2PA's training-mining, in its bytes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from img2dataset.images.marks import MAX_FOUND, find_marks

VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
PROHIBITED = "DMI-PROHIBITED-AIMLTRAINING"
ATTRIBUTE = f'<rdf:Description plus:DataMining="{VOCABULARY}{PROHIBITED}"/>'
ELEMENT = f"<plus:DataMining>{VOCABULARY}{PROHIBITED}</plus:DataMining>"
RESOURCE = f'<plus:DataMining rdf:resource="{VOCABULARY}{PROHIBITED}"/>'
SHORT = f'<x DataMining="{PROHIBITED}">'


def packet(inside: str) -> bytes:
    return (
        f'<x:xmpmeta xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/">{inside}</x:xmpmeta>'.encode()
    )


def image(kind: str, xmp: bytes) -> bytes:
    file = io.BytesIO()
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        Image.new("RGB", (8, 8)).save(file, kind, pnginfo=info)
    else:
        Image.new("RGB", (8, 8)).save(file, kind, xmp=xmp)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("inside", [ATTRIBUTE, ELEMENT, RESOURCE, SHORT])
def test_data_mining_is_found_in_every_format(kind: str, inside: str) -> None:
    assert find_marks(image(kind, packet(inside))) == (f"iptc:DataMining={PROHIBITED}",)


@pytest.mark.parametrize(
    "term",
    [
        "DMI-UNSPECIFIED",
        "DMI-ALLOWED",
        "DMI-PROHIBITED",
        "DMI-PROHIBITED-GENAIMLTRAINING",
        "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        "DMI-PROHIBITED-SEECONSTRAINT",
    ],
)
def test_each_term_is_stored_as_it_is(term: str) -> None:
    assert find_marks(packet(ELEMENT.replace(PROHIBITED, term))) == (f"iptc:DataMining={term}",)


def cbor_text(text: str) -> bytes:
    data = text.encode()
    return (bytes((0x60 | len(data),)) if len(data) < 24 else bytes((0x78, len(data)))) + data


def cbor_map(entries: dict[str, bytes]) -> bytes:
    items = b"".join(cbor_text(name) + value for name, value in entries.items())
    return bytes((0xA0 | len(entries),)) + items


def assertion(prefix: str, uses: dict[str, str], **before: str) -> bytes:
    entries = {
        f"{prefix}.{name}": cbor_map(
            {key: cbor_text(value) for key, value in {**before, "use": use}.items()}
        )
        for name, use in uses.items()
    }
    label = f"{prefix}.training-mining\0".encode()
    return b"\0\0\1\0jumb" + label + b"\0\0\0\x80cbor" + cbor_map({"entries": cbor_map(entries)})


@pytest.mark.parametrize("prefix", ["cawg", "c2pa"])
def test_training_and_mining_are_stored_use_by_use(prefix: str) -> None:
    uses = {"ai_training": "notAllowed", "data_mining": "allowed", "ai_inference": "constrained"}
    expected = ("c2pa:ai_training=notAllowed", "c2pa:data_mining=allowed",
                "c2pa:ai_inference=constrained")  # fmt: skip
    assert find_marks(b"\xff\xd8" + assertion(prefix, uses)) == expected


def test_a_use_may_have_an_explanation() -> None:
    data = assertion("cawg", {"ai_generative_training": "constrained"}, constraint_info="ask us")
    assert find_marks(data) == ("c2pa:ai_generative_training=constrained",)


def test_it_may_be_in_json() -> None:
    data = b'{"label":"cawg.training-mining","data":{"entries":{"cawg.ai_training":{"use":"notAllowed"}}}}'
    assert find_marks(data) == ("c2pa:ai_training=notAllowed",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DataMining",
        b"a text on DataMining, and far behind it: " + b" " * 500 + b"DMI-PROHIBITED",
        b"DMI-PROHIBITED",
        b"cawg.training-mining",
        b"cawg.ai_training use notAllowed",
        image("JPEG", packet("<dc:title>nothing</dc:title>")),
    ],
)
def test_where_nothing_is_said_nothing_is_found(data: bytes) -> None:
    assert find_marks(data) == ()


def test_the_same_is_stored_once_and_a_hostile_file_costs_little() -> None:
    assert find_marks(packet(ATTRIBUTE) * 3) == (f"iptc:DataMining={PROHIBITED}",)
    assert len(find_marks(b"cawg.training-mining" * 100_000 + b"DataMining" * 100_000)) <= MAX_FOUND


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    find_marks(data)
    find_marks(b"DataMining" + data + b".training-mining" + data)
