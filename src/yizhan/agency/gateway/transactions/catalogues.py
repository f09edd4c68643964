"""1301–1319, 3301, 3302: catalogues as files and in pages, and what the institution calls their items.

A version is complete: whoever has it needs no other. Its number is the day from which it counts and our number of it. The
file has a row of column names, since no public source tells the order of the national ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from yizhan.agency.enrolment.beneficiaries import pooling_area
from yizhan.agency.gateway import codes
from yizhan.agency.gateway.envelope import Node, yuan
from yizhan.agency.gateway.errors import FieldWrong, MappingNotWaiting
from yizhan.agency.gateway.registry import Call, transaction
from yizhan.agency.gateway.transactions.fees import CLASSES
from yizhan.agency.gateway.transactions.files import ends, keep, waiting
from yizhan.agency.gateway.zipped import packed
from yizhan.agency.providers.actions import mappings as actions
from yizhan.agency.providers.models import Item, Version
from yizhan.agency.providers.models import Mapping as Mapped
from yizhan.agency.providers.queries import all_in_force, mappings
from yizhan.agency.staff.rights import Right
from yizhan.engine.money import yuan as yuan_text
from yizhan.errors import Problems

COLUMNS = (
    "med_list_codg", "reg_name", "spec", "unt", "chrgitm_lv", "selfpay_prop", "hilist_pric_uplmt_amt", "lmt_used_rea",
    "hi_nego_drug_flag", "med_chrgitm_type", "ver",
)  # fmt: skip
"""Of a catalogue's file."""


def number_of(version: Version) -> str:
    """ver: the day from which a version counts, and its number."""
    return f"{version.from_on:%Y%m%d}_{version}"


def _row(item: Item, level: str, ver: str) -> list[str]:
    limit = item.limits.get(level)
    return [
        item.code, item.name, item.spec, item.unit, CLASSES[item.payment_class], f"{item.first_pay / 10_000:.4f}",
        "" if limit is None else yuan_text(limit), item.restriction, "1" if item.negotiated else "0", item.fee, ver,
    ]  # fmt: skip


def _download(infno: str, words: tuple[str, str], kind: str, fees: Sequence[str]) -> Callable[[Call], Any]:
    """Register the download of one catalogue, or of the part of it with these categories of cost."""

    @transaction(infno, *words, Right.CATALOGUE_SEE)
    def download(call: Call) -> Any:
        with call.reading() as root:
            known = root.node("data").text("ver", most=40)
        version = all_in_force(call.institution.area_path, call.today).get(kind)
        if version is None or number_of(version) == known:
            call.warnings.append("没有更新的版本" if version else "这一目录还没有启用的版本")
            return {"file_qury_no": None, "filename": None, "dld_end_time": None, "data_cnt": 0}
        ver = number_of(version)
        items = Item.objects.filter(version=version).order_by("code")
        if fees:
            items = items.filter(fee__in=fees)
        rows = [list(COLUMNS), *(_row(item, call.institution.level, ver) for item in items.iterator(2000))]
        name, content = f"{infno}_{ver}.txt.zip", packed(f"{infno}_{ver}.txt", rows)
        # Whoever asks every minute gets the same file, unless it is about to be thrown away.
        kept = waiting(call, name, content) or keep(call, name, content)
        return {
            "file_qury_no": kept.number, "filename": kept.name, "dld_end_time": ends(kept), "data_cnt": len(rows) - 1,
        }  # fmt: skip

    return download


_download("1301", ("西药中成药目录下载", "download of drugs"), "drug", ("09", "11"))
_download("1302", ("中药饮片目录下载", "download of herbal pieces"), "drug", ("10",))
_download("1305", ("医疗服务项目目录下载", "download of services"), "service", ())
_download("1306", ("医用耗材目录下载", "download of supplies"), "supply", ())


# --- In pages ---------------------------------------------------------------------------------------------------------

LARGEST_PAGE = 100


def paged(node: Node, rows: QuerySet[Any], told: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """A page of rows, with the counts that stand beside it. The page was read from `node` before: `page_of`."""
    page, size = page_of(node)
    count = rows.count()
    pages = -(-count // size)
    start = (page - 1) * size
    return {
        "data": [told(row) for row in rows[start : start + size]],
        "firstPage": page == 1, "lastPage": page >= pages, "size": max(0, min(size, count - start)), "startRow": start + 1,
        "pageSize": size, "pageNum": page, "recordCounts": count, "pages": pages,
    }  # fmt: skip


def page_of(node: Node) -> tuple[int, int]:
    """(page, size), from 1; what is out of bounds is noted."""
    page, size = node.count("page_num") or 1, node.count("page_size") or LARGEST_PAGE
    for name, value, most in (("page_num", page, 10**6), ("page_size", size, LARGEST_PAGE)):
        if not 1 <= value <= most:
            node.problems.append(
                FieldWrong(field=f"data.{name}", value=value, form_zh=f"1 到 {most}", form_en=f"1 to {most}")
            )
    return page, size


def _items(call: Call) -> tuple[Node, QuerySet[Item]]:
    """The items that a query asks for: by code, on a day. A version is complete, so that updt_time is not asked about; what
    does not hold any more is not told.
    """
    with call.reading() as root:
        node = root.node("data")
        on, code = node.day("query_date") or call.today, node.text("hilist_code", most=50)
        valid = node.text("vali_flag", most=3) != "0"
        page_of(node)
    versions = [version.pk for version in all_in_force(call.institution.area_path, on).values()]
    rows = (
        Item.objects.filter(version__in=versions if valid else []).select_related("version").order_by("code", "version")
    )
    return node, rows.filter(code=code) if code else rows


def _row_facts(call: Call, item: Item) -> dict[str, Any]:
    """What every row says of its version."""
    applied = f"{timezone.localtime(item.version.applied_at):%Y-%m-%d %H:%M:%S}" if item.version.applied_at else None
    return {
        "insu_admdvs": codes.division(call.institution.area_path), "begndate": item.version.from_on.isoformat(), "enddate": None, "vali_flag": "1",
        "rid": str(item.pk), "updt_time": applied, "crte_time": applied, "poolarea_no": pooling_area(call.institution.area_path),
    }  # fmt: skip


LIST_TYPES, SERVICE = {"09": "101", "10": "102", "11": "101", "08": "301"}, "201"
"""Category of cost → list_type; whatever else is a service."""


@transaction("1312", "医保目录信息查询", "items of the catalogues", Right.CATALOGUE_SEE)
def items(call: Call) -> Any:
    """Items in force. The code of the insurance's list is the national one here."""
    node, rows = _items(call)
    return paged(
        node,
        rows,
        lambda item: {
            **_row_facts(call, item), "hilist_code": item.code, "hilist_name": item.name, "med_chrgitm_type": item.fee,
            "chrgitm_lv": CLASSES[item.payment_class], "lmt_used_flag": "1" if item.restriction else "0",
            "list_type": LIST_TYPES.get(item.fee, SERVICE), "hi_nego_drug_flag": "1" if item.negotiated else "0",
            "memo": item.restriction or None, "ver": number_of(item.version),
        },
    )  # fmt: skip


@transaction("1318", "医保目录限价信息查询", "price limits", Right.CATALOGUE_SEE)
def limits(call: Call) -> Any:
    """The limit a unit for hospitals of the institution's grade; what has none there has no row."""
    node, rows = _items(call)
    level = call.institution.level
    return paged(
        node,
        rows.filter(limits__has_key=level),
        lambda item: {
            **_row_facts(call, item), "hilist_code": item.code, "hilist_lmtpric_type": call.code("hosp_lv", level),
            "overlmt_dspo_way": "1", "hilist_pric_uplmt_amt": yuan(item.limits[level]),
        },
    )  # fmt: skip


@transaction("1319", "医保目录先自付比例信息查询", "first-pay ratios", Right.CATALOGUE_SEE)
def first_pays(call: Call) -> Any:
    """The share that the patient bears first, the same for everybody."""
    node, rows = _items(call)
    return paged(
        node,
        rows,
        lambda item: {
            **_row_facts(call, item), "hilist_code": item.code, "selfpay_prop_psn_type": "0",
            "selfpay_prop_type": CLASSES[item.payment_class], "selfpay_prop": item.first_pay / 10_000,
        },
    )  # fmt: skip


# --- Mappings ---------------------------------------------------------------------------------------------------------

NAMED = {"proposed": "待审核", "approved": "已通过", "rejected": "已退回", "withdrawn": "已撤销"}


@transaction("1317", "医药机构目录匹配信息查询", "the institution's mappings", Right.CATALOGUE_SEE)
def own_mappings(call: Call) -> Any:
    """The institution's mappings and what the bureau said to each; the latest first."""
    with call.reading() as root:
        node = root.node("data")
        own, national = node.text("medins_list_codg", most=50), node.text("med_list_codg", most=30)
        page_of(node)
    rows = mappings(call.machine)
    rows = rows.filter(code=own) if own else rows
    return paged(node, rows.filter(national_code=national) if national else rows, lambda row: _mapping(call, row))


def _mapping(call: Call, row: Mapped) -> dict[str, Any]:
    return {
        "fixmedins_code": call.institution.code, "medins_list_codg": row.code, "medins_list_name": row.name,
        "med_list_codg": row.national_code, "begndate": row.valid.lower.isoformat(),
        "enddate": row.last_day.isoformat() if row.last_day else None, "vali_flag": "1" if row.state == "approved" else "0",
        "memo": f"{NAMED[row.state]}{'：' if row.decided_why else ''}{row.decided_why}",
    }  # fmt: skip


@transaction("3301", "目录对照上传", "mappings", Right.MAPPING_EDIT)
def map_items(call: Call) -> Any:
    """Send mappings in. They count once the bureau has reviewed them."""
    with call.reading() as root:
        nodes = _rows(root)
        proposals = []
        for number, node in enumerate(nodes, 1):
            proposals.append(
                actions.Proposal(
                    node.text("fixmedins_hilist_id", need=True, most=50), node.text("fixmedins_hilist_name", need=True, most=200),
                    node.text("prcunt", most=30), node.text("med_list_codg", need=True, most=30),
                    node.day("begndate", need=True) or call.today, node.until("enddate"), number,
                )
            )  # fmt: skip
    count = actions.propose(proposals, acting_user=call.machine)
    call.warnings.append(f"{count} 条对照已上报，待医保局审核后生效；用 1317 查询结果")
    return None


@transaction("3302", "目录对照撤销", "take mappings back", Right.MAPPING_EDIT)
def unmap_items(call: Call) -> Any:
    """Take back what waits. What was approved the bureau ends: bills lean on it. All or nothing."""
    with call.reading() as root:
        codes = [node.text("fixmedins_hilist_id", need=True, most=50) for node in _rows(root)]
    missing = actions.withdraw(codes, acting_user=call.machine)
    if missing:
        raise Problems([MappingNotWaiting(code=code) for code in missing])
    return None


def _rows(root: Node) -> Sequence[Node]:
    return root.nodes("data") or [root.node("data")]
