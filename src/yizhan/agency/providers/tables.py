"""The lists of institutions, catalogue versions, differences, items and mappings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from yizhan.agency.desk.tables import Day, List, Number
from yizhan.agency.desk.templatetags.desk import state
from yizhan.agency.desk.words import later, say
from yizhan.agency.providers import queries
from yizhan.agency.providers.comparing import Difference
from yizhan.agency.providers.kinds import CATALOGUES, CHARGE_WORDS, CLASSES, FEES, LEVELS, STANDINGS
from yizhan.agency.providers.models import Item, Mapping, Version
from yizhan.agency.staff.models import INSTITUTION_KINDS, Institution
from yizhan.engine.money import percent, yuan_grouped


def ratio_text(payment_class: str, first_pay: int) -> str:
    """The first-pay share; nothing where the class says it."""
    return percent(first_pay) if payment_class == "b" else ""


def limits_text(limits: dict[str, int]) -> str:
    """The price limits, a grade at a time: 一级 5.00 · 二级 10.00. One figure where all grades have the same."""
    if not limits:
        return ""
    if len(limits) == len(LEVELS) and len(set(limits.values())) == 1:
        return yuan_grouped(next(iter(limits.values())))
    return " · ".join(f"{LEVELS[level]} {yuan_grouped(limits[level])}" for level in LEVELS if level in limits)


def period_text(first: date, last: date | None) -> str:
    """2026-01-01 — 2026-12-31, or open."""
    return f"{first} — {last or say('长期', 'open')}"


class Institutions(List):
    """Institutions and how they stand today."""

    name = tables.Column(verbose_name=later("机构", "Institution"))
    code = tables.Column(verbose_name=later("编码", "Code"))
    kind = tables.Column(verbose_name=later("类别", "Kind"))
    level = tables.Column(verbose_name=later("等级", "Grade"))
    area = tables.Column(verbose_name=later("地区", "Area"), order_by="area_path")
    standing_code = tables.Column(verbose_name=later("今日状态", "Today"), orderable=False)
    agreement_number = tables.Column(verbose_name=later("协议", "Agreement"), orderable=False, default="—")
    agreement_end = tables.Column(verbose_name=later("到期", "Until"), default="—")

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的机构。机构由系统管理员在“区划与机构”里新增。",
            "No such institution. The system administrator adds them under “Areas and institutions”.",
        )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def render_name(self, record: Institution) -> SafeString:
        """A link to its page."""
        return format_html('<a href="{}">{}</a>', reverse("providers:institution", args=[record.pk]), record.name)

    def render_kind(self, value: str) -> str:
        """Its words."""
        return str(INSTITUTION_KINDS.get(value, value))

    def render_level(self, value: str) -> str:
        """Its words."""
        return str(LEVELS.get(value, value))

    def render_standing_code(self, value: str) -> SafeString:
        """As a mark."""
        return state(STANDINGS[value])

    def render_agreement_end(self, value: date) -> SafeString | str:
        """The last day; soon is marked."""
        last = date.fromordinal(value.toordinal() - 1)
        if last <= self.today + queries.ENDS_SOON:
            return format_html('<span class="mark mark-wait">{}</span>', last.isoformat())
        return last.isoformat()


class Versions(List):
    """Catalogue versions."""

    number = tables.Column(verbose_name=later("版本", "Version"), accessor="pk")
    kind = tables.Column(verbose_name=later("目录", "Catalogue"))
    area = tables.Column(verbose_name=later("地区", "Area"), order_by="area_path")
    from_on = Day(verbose_name=later("生效日期", "From"))
    rows = Number(verbose_name=later("项目数", "Items"))
    state = tables.Column(verbose_name=later("状态", "State"))
    document = tables.Column(verbose_name=later("文号", "Document"), orderable=False)
    made_by = tables.Column(verbose_name=later("导入", "Imported by"), orderable=False)
    applied_by = tables.Column(verbose_name=later("启用", "Applied by"), orderable=False, default="—")

    class Meta(List.Meta):
        empty_text = later(
            "还没有目录版本。请市级或省级经办员导入。",
            "No catalogue yet. An officer of the city or the province imports one.",
        )

    def __init__(self, *args: Any, in_force: set[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_force = in_force

    def render_number(self, record: Version) -> SafeString:
        """A link to its page."""
        return format_html('<a href="{}">{}</a>', reverse("providers:version", args=[record.pk]), record)

    def render_kind(self, value: str) -> str:
        """Its words."""
        return str(CATALOGUES[value])

    def render_state(self, record: Version) -> SafeString:
        """As a mark; what is in force today says so."""
        mark = state(record.shown_state)
        if record.pk not in self.in_force:
            return mark
        return format_html('{} <span class="mark mark-good">{}</span>', mark, say("现行", "in force"))


class Differences(List):
    """What a version changes, item by item. The rows are those of one page."""

    code = tables.Column(verbose_name=later("国家编码", "National code"), orderable=False)
    name = tables.Column(verbose_name=later("名称", "Name"), empty_values=(), orderable=False)
    payment_class = tables.Column(verbose_name=later("类别", "Class"), empty_values=(), orderable=False)
    first_pay = tables.Column(
        verbose_name=later("先付比例", "First pay"),
        empty_values=(),
        orderable=False,
        attrs={"td": {"class": "number"}, "th": {"class": "number"}},
    )
    limits = tables.Column(verbose_name=later("限价（元）", "Limit (yuan)"), empty_values=(), orderable=False)
    rest = tables.Column(verbose_name=later("其他", "Else"), empty_values=(), orderable=False)

    class Meta(List.Meta):
        empty_text = later("没有这种变化。", "No such change.")

    def _both(self, record: Difference, shown: Callable[[dict[str, Any]], str]) -> SafeString | str:
        before, after = (shown(side) if side is not None else None for side in (record.before, record.after))
        if before is None or after is None or before == after:
            return after or before or ""
        return format_html("<del>{}</del> → <b>{}</b>", before or "—", after or "—")

    def render_name(self, record: Difference) -> SafeString | str:
        """Name and specification, as before and as to be."""
        return self._both(record, lambda item: f"{item['name']} {item['spec']} {item['unit']}".strip())

    def render_payment_class(self, record: Difference) -> SafeString | str:
        """The class."""
        return self._both(record, lambda item: str(CLASSES[item["payment_class"]]))

    def render_first_pay(self, record: Difference) -> SafeString | str:
        """The share."""
        return self._both(record, lambda item: ratio_text(item["payment_class"], item["first_pay"]))

    def render_limits(self, record: Difference) -> SafeString | str:
        """The limits."""
        return self._both(record, lambda item: limits_text(item["limits"]))

    def render_rest(self, record: Difference) -> SafeString | str:
        """Restriction, flags, category."""
        return self._both(
            record,
            lambda item: _rest(
                **{k: item[k] for k in ("fee", "charge", "negotiated", "rehabilitation", "restriction")}
            ),
        )


def _rest(*, fee: str, charge: str, negotiated: bool, rehabilitation: bool, restriction: str) -> str:
    pieces = [str(FEES[fee])]
    pieces += [str(CHARGE_WORDS[charge])] if charge else []
    pieces += [say("谈判药品", "negotiated")] if negotiated else []
    pieces += [say("康复", "rehabilitation")] if rehabilitation else []
    pieces += [say("限：{words}", "restricted: {words}", words=restriction)] if restriction else []
    return " · ".join(pieces)


class Items(List):
    """Items of the catalogues in force."""

    code = tables.Column(verbose_name=later("国家编码", "National code"), orderable=False)
    name = tables.Column(verbose_name=later("名称", "Name"), orderable=False)
    unit = tables.Column(verbose_name=later("单位", "Unit"), orderable=False)
    payment_class = tables.Column(verbose_name=later("类别", "Class"), orderable=False)
    first_pay = Number(verbose_name=later("先付比例", "First pay"), orderable=False)
    limits = tables.Column(verbose_name=later("限价（元）", "Limit (yuan)"), orderable=False, empty_values=())
    rest = tables.Column(verbose_name=later("其他", "Else"), orderable=False, empty_values=())
    version = tables.Column(verbose_name=later("版本", "Version"), orderable=False)

    class Meta(List.Meta):
        empty_text = later(
            "当日有效的目录里没有以此开头的编码或名称。", "No code or name in the catalogues of that day begins so."
        )

    def render_name(self, record: Item) -> str:
        """With the specification."""
        return f"{record.name} {record.spec}".strip()

    def render_payment_class(self, value: str) -> str:
        """Its words."""
        return str(CLASSES[value])

    def render_first_pay(self, record: Item) -> str:
        """The share."""
        return ratio_text(record.payment_class, record.first_pay)

    def render_limits(self, record: Item) -> str:
        """The limits."""
        return limits_text(record.limits)

    def render_rest(self, record: Item) -> str:
        """Restriction, flags, category."""
        return _rest(
            fee=record.fee,
            charge=record.charge,
            negotiated=record.negotiated,
            rehabilitation=record.rehabilitation,
            restriction=record.restriction,
        )

    def render_version(self, record: Item) -> SafeString:
        """A link to it."""
        return format_html(
            '<a href="{}">{}</a>', reverse("providers:version", args=[record.version_id]), record.version
        )


class Mappings(List):
    """What hospitals call their items, and which national items they are."""

    chosen = tables.Column(verbose_name="", accessor="pk", orderable=False)
    institution = tables.Column(verbose_name=later("机构", "Institution"), order_by="institution__code")
    code = tables.Column(verbose_name=later("医院项目", "Hospital item"))
    national_code = tables.Column(verbose_name=later("国家项目（今日）", "National item (today)"))
    period = tables.Column(
        verbose_name=later("有效期", "Period"), empty_values=(), orderable=False, attrs={"td": {"class": "tight"}}
    )
    state = tables.Column(verbose_name=later("状态", "State"))
    proposed_by = tables.Column(
        verbose_name=later("上报", "Sent by"), orderable=False, default=later("医院系统", "hospital's system")
    )
    decided_by = tables.Column(verbose_name=later("审核", "Reviewed"), orderable=False, default="—")

    class Meta(List.Meta):
        empty_text = later(
            "没有符合条件的对照。医院管理员可以逐条登记或上传文件。",
            "No such mapping. The hospital's manager enters them one by one or uploads a file.",
        )

    def __init__(
        self, *args: Any, items: dict[str, Item], choosable: bool, own: bool, ends: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.items, self.ends = items, ends
        if choosable:
            self.columns["chosen"].column.verbose_name = format_html(
                '<input type="checkbox" data-checks="input[name=mappings]" aria-label="{}">',
                say("全选本页", "all on this page"),
            )
        else:
            self.columns.hide("chosen")
        if own:
            self.columns.hide("institution")

    def render_chosen(self, record: Mapping) -> SafeString:
        """A box to choose it by."""
        return format_html('<input type="checkbox" name="mappings" value="{}" aria-label="{}">', record.pk, record.code)

    def render_code(self, record: Mapping) -> SafeString:
        """The hospital's code, name and unit."""
        return format_html("<code>{}</code> {}", record.code, f"{record.name} {record.unit}".strip())

    def render_national_code(self, record: Mapping) -> SafeString:
        """The national code, and what it is today."""
        item = self.items.get(record.national_code)
        if item is None:
            return format_html(
                '<code>{}</code> <span class="mark mark-bad">{}</span>',
                record.national_code,
                say("今日目录没有", "not listed today"),
            )
        about = " ".join(
            filter(
                None,
                (
                    item.name,
                    item.spec,
                    item.unit,
                    str(CLASSES[item.payment_class]),
                    ratio_text(item.payment_class, item.first_pay),
                ),
            )
        )
        if record.unit and item.unit and record.unit != item.unit:
            # Price limits are per unit of the catalogue.
            differs = say("单位不同", "another unit")
            return format_html(
                '<code>{}</code> {} <span class="mark mark-wait">{}</span>', record.national_code, about, differs
            )
        return format_html("<code>{}</code> {}", record.national_code, about)

    def render_period(self, record: Mapping) -> str:
        """First and last day."""
        return period_text(record.valid.lower, record.last_day)

    def render_state(self, record: Mapping) -> SafeString:
        """As a mark; an approved one can be ended by the bureau."""
        pieces = [state(record.shown_state)]
        if self.ends and record.state == "approved":
            pieces.append(
                format_html(
                    '<a href="{}">{}</a>', reverse("providers:mapping_end", args=[record.pk]), say("终止", "end")
                )
            )
        return format_html_join(" ", "{}", ((piece,) for piece in pieces))

    def render_decided_by(self, record: Mapping) -> str:
        """By whom, and why not."""
        return f"{record.decided_by.name} {record.decided_why}".strip() if record.decided_by else "—"
