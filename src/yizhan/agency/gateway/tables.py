"""The list of messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from yizhan.agency.desk.tables import List, Number
from yizhan.agency.desk.words import later, say
from yizhan.agency.gateway.models import Message
from yizhan.agency.gateway.queries import name_of


class Messages(List):
    """Messages: number, time, who, what, how long it took, what came of it."""

    received_at = tables.Column(
        verbose_name=later("时间", "Time"), attrs={"td": {"class": "tight"}}, order_by="pk"
    )  # fmt: skip
    infno = tables.Column(verbose_name=later("交易", "Transaction"))
    msgid = tables.Column(verbose_name=later("报文号", "Number"), orderable=False)
    institution = tables.Column(verbose_name=later("机构", "Institution"), order_by="institution__code")
    operator_name = tables.Column(verbose_name=later("操作员", "Operator"), orderable=False)
    milliseconds = Number(verbose_name=later("毫秒", "ms"))
    taken = tables.Column(verbose_name=later("结果", "Outcome"), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有符合条件的报文。", "No such message.")

    def __init__(self, *args: Any, of_hospital: bool, **kwargs: Any) -> None:
        super().__init__(*args, exclude=("institution",) if of_hospital else (), **kwargs)

    def render_received_at(self, value: datetime) -> str:
        """Day and time."""
        return f"{timezone.localtime(value):%m-%d %H:%M:%S}"

    def render_infno(self, record: Message) -> str:
        """Number and name."""
        return f"{record.infno} {name_of(record.infno)}"

    def render_msgid(self, record: Message) -> SafeString:
        """A link to its page."""
        return format_html('<a href="{}">{}</a>', reverse("gateway:message", args=[record.pk]), record.msgid)

    def render_institution(self, record: Message) -> str:
        """Its name."""
        return record.institution.name

    def render_taken(self, record: Message) -> SafeString:
        """Taken, or the code of the refusal."""
        if record.taken:
            return format_html('<span class="mark mark-good">{}</span>', say("已办理", "taken"))
        return format_html(
            '<span class="mark mark-bad">{}</span> <code>{}</code>', say("退回", "refused"), (record.codes or ["?"])[0]
        )
