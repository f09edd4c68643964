"""9101, 9102: files come and go as bytes; content is sealed where it lies."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import Any

from yizhan.agency import crypto
from yizhan.agency.gateway.errors import FieldMissing, FieldWrong, FileUnknown
from yizhan.agency.gateway.models import File
from yizhan.agency.gateway.registry import Call, Download, transaction
from yizhan.agency.staff.rights import Right

FILE = "gateway.file"
"""Purpose of the seal."""

KEPT_DAYS = 7


@transaction("9101", "文件上传", "file upload", Right.PROVIDER_SEE)
def upload(call: Call) -> Any:
    """Take a file: a list of byte numbers as Java or C# writes them, or base64."""
    with call.reading() as root:
        node = root.node("fsUploadIn")
        name = node.text("filename", need=True, most=200)
        content = b""
        value = node.mapping.get("in")
        if value in (None, "", []):
            node.problems.append(FieldMissing(field="fsUploadIn.in"))
        else:
            try:
                content = _bytes(value)
            except ValueError:
                node.problems.append(
                    FieldWrong(field="fsUploadIn.in", value="…", form_zh="字节数组或 Base64", form_en="bytes or base64")
                )
    row = keep(call, name, content)
    return {
        "file_qury_no": row.number,
        "filename": row.name,
        "fixmedins_code": call.institution.code,
        "dld_endtime": ends(row),
    }


def _bytes(value: Any) -> bytes:
    if isinstance(value, list):
        # Numbers of a message are text here (`envelope.parsed`).
        if not all(isinstance(one, str) for one in value):
            raise ValueError("no byte")
        return bytes(int(one) & 0xFF if -128 <= int(one) <= 255 else _out_of_range() for one in value)
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    raise ValueError(type(value))


def _out_of_range() -> int:
    raise ValueError("no byte")


def keep(call: Call, name: str, content: bytes) -> File:
    """Keep a file for the institution, to be fetched within a week; those whose time is over go."""
    File.objects.filter(institution=call.institution, ends_at__lt=call.received).delete()
    number = f"{call.received:%Y%m%d}{secrets.token_hex(8).upper()}"
    sealed = crypto.seal(base64.b64encode(content).decode(), purpose=FILE, row=number)
    return File.objects.create(
        institution=call.institution, area_path=call.institution.area_path, number=number, name=name, sealed=sealed,
        ends_at=call.received + timedelta(days=KEPT_DAYS),
    )  # fmt: skip


def waiting(call: Call, name: str, content: bytes) -> File | None:
    """The same file, if the institution has it already and a day at least to fetch it."""
    rows = File.objects.filter(institution=call.institution, name=name, ends_at__gt=call.received + timedelta(days=1))
    return next((row for row in rows if read(row) == content), None)


def ends(row: File) -> str:
    """dld_endtime."""
    return f"{row.ends_at:%Y-%m-%d %H:%M:%S}"


def content_of(call: Call, number: str) -> tuple[File, bytes]:
    """A file of the institution. Raises FileUnknown."""
    row = File.objects.filter(institution_id=call.machine.institution_id, number=number).first()
    if row is None or row.ends_at < call.received:
        raise FileUnknown(number=number)
    return row, read(row)


def read(row: File) -> bytes:
    """The bytes of a file."""
    return base64.b64decode(crypto.unseal(row.sealed, purpose=FILE, row=row.number))


@transaction("9102", "文件下载", "file download", Right.PROVIDER_SEE)
def download(call: Call) -> Any:
    """The bytes themselves, without an envelope."""
    with call.reading() as root:
        node = root.node("fsDownloadIn")
        number = node.text("file_qury_no", need=True, most=40)
    return Download(content_of(call, number)[1])
