"""Files from outside: friendly ones pass, hostile ones don't, and no name is worse than a word."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from PIL import Image

from valuerealization.common.uploads import LONGEST_NAME, TYPES, UploadRefused, check_upload, clean_name

MAX = 1_000_000


def picture(kind: str, size: tuple[int, int] = (4, 4)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def package(*names: str, main: str = "word/document.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("[Content_Types].xml", main, *names):
            archive.writestr(name, "<x/>")
    return out.getvalue()


def workbook() -> bytes:
    out = io.BytesIO()
    Workbook().save(out)
    return out.getvalue()


PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def check(name: str, content: bytes, **limits: Any) -> Any:
    upload = SimpleUploadedFile("x", content)
    upload._name = name  # as a client could send it, past Django's own cleaning
    return check_upload(upload, **{"allowed": list(TYPES), "max_bytes": MAX, **limits})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", picture("png")), ("a.jpg", picture("jpeg")), ("a.JPEG", picture("jpeg")), ("a.gif", picture("gif")),
        ("a.webp", picture("webp")), ("wide.png", picture("png", (40_000, 1))), ("a.pdf", PDF),
        ("a.docx", package()), ("a.xlsx", workbook()), ("a.pptx", package(main="ppt/presentation.xml")),
        ("a.csv", b"name,value\nA,1\n"), ("a.csv", "näme;wert\nÄ;1\n".encode("cp1252")),
        ("a.csv", b"\xef\xbb\xbfname,value\r\n"), ("a.txt", "a\tb\n".encode("utf-16")), ("notes.md", b"# Title"),
        ("a.txt", "1 < 2, 日本語".encode()),
    ],
)  # fmt: skip
def test_friendly_files_pass(name: str, content: bytes) -> None:
    found = check(name, content)
    assert (found.name, found.size) == (name, len(content))
    assert found.content_type in TYPES.values()
    assert "html" not in found.content_type


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.png", b"", "empty_file"),
        ("a.png", picture("png") + b"\0" * MAX, "file_too_large"),
        ("a.html", HTML, "type_not_allowed"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "type_not_allowed"),
        ("a.exe", b"MZ\x90\0", "type_not_allowed"),
        ("a.docm", package("word/vbaProject.bin"), "type_not_allowed"),
        ("a", b"text", "type_not_allowed"),
        ("a.png", HTML, "content_mismatch"),
        ("a.jpg", picture("png"), "content_mismatch"),
        ("a.pdf", HTML, "content_mismatch"),
        ("a.pdf", b"\n" * 100 + PDF, "content_mismatch"),
        ("a.txt", HTML, "content_mismatch"),
        ("a.txt", b"hello <ScRiPt>alert(1)</script>", "content_mismatch"),
        ("a.csv", b"<html>,1", "content_mismatch"),
        ("a.csv", b"a,b\0c\n", "content_mismatch"),
        ("a.csv", b" \n <?xml version='1.0'?><svg/>", "content_mismatch"),
        ("a.txt", b"MZ\x90 and so on", "content_mismatch"),
        ("a.txt", b"#!/bin/sh\nrm -rf /", "content_mismatch"),
        ("a.txt", picture("gif"), "content_mismatch"),
        ("a.gif", b"GIF89a/*\x01\x00*/=1;alert(1)//<script>alert(1)</script>;", "content_mismatch"),
        ("a.gif", b"GIF89a" + b"\0" * 20, "content_mismatch"),
        ("a.png", picture("png") + HTML, "content_mismatch"),
        ("a.png", picture("png")[:40], "content_mismatch"),
        ("a.jpg", picture("jpeg") + b"<?php system($_GET[0]);", "content_mismatch"),
        ("a.docx", workbook(), "content_mismatch"),
        ("a.docx", package("word/vbaProject.bin"), "content_mismatch"),
        ("a.xlsx", package("xl/macrosheets/sheet1.xml", main="xl/workbook.xml"), "content_mismatch"),
        ("a.docx", package("META-INF/MANIFEST.MF", "Evil.class"), "content_mismatch"),
        ("a.docx", b"MZ\x90\0" + package(), "content_mismatch"),
        ("a.docx", package()[:60], "content_mismatch"),
        ("a.docx", b"PK\x03\x04 nothing else", "content_mismatch"),
        ("evil.html\0.png", HTML, "content_mismatch"),
        ("evil.png\0.html", picture("png"), "type_not_allowed"),
    ],
)
def test_hostile_files_are_refused(name: str, content: bytes, code: str) -> None:
    with pytest.raises(UploadRefused) as caught:
        check(name, content)
    assert caught.value.code == code
    assert caught.value.message[0].isupper()


def test_only_what_a_setting_allows() -> None:
    with pytest.raises(UploadRefused, match="Choose one of: pdf, txt"):
        check("a.png", picture("png"), allowed=["txt", "pdf"])


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\win.txt", "win.txt"),
        ("C:\\temp\\a.csv", "a.csv"),
        (".htaccess.txt", "htaccess.txt"),
        ("a\0b.png", "a b.png"),
        ("a\r\nSet-Cookie: x.png", "a Set-Cookie_ x.png"),
        ("invoice\u202egnp.exe", "invoice gnp.exe"),
        ('a"b<c>.txt', "a_b_c_.txt"),
        ("  Übersicht   2026 .pdf", "Übersicht 2026.pdf"),
        ("", "file"),
        ("/", "file"),
        ("...", "file"),
        (".png", "png"),
        ("a.tar.gz", "a.tar.gz"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_names_are_made_harmless(given: str, clean: str) -> None:
    assert clean_name(given) == clean


@given(st.text(max_size=300))
def test_any_name_is_short_visible_and_stays_so(name: str) -> None:
    clean = clean_name(name)
    assert 0 < len(clean) <= LONGEST_NAME
    assert clean.replace(" ", "").isprintable()
    assert not set(clean) & set('/\\"<>|\0\r\n')
    assert not clean.startswith(".")
    assert clean_name(clean) == clean


@pytest.mark.parametrize("path", ["/sign-in/", "/imports/new/", "/nowhere/"])
def test_a_body_larger_than_any_file_is_not_even_read(client: Client, settings: Any, path: str) -> None:
    settings.VR_IMPORT_MAX_BYTES = settings.VR_ATTACHMENT_MAX_BYTES = 1024 * 1024

    def unread(*_size: int) -> bytes:
        raise AssertionError("the body was read")

    body = type("Body", (), {"read": unread, "readline": unread})()
    answer = client.post(path, CONTENT_LENGTH=str(2 * 1024 * 1024 + 1), **{"wsgi.input": body})
    assert (answer.status_code, b"at most 2 MB" in answer.content) == (413, True)
