"""Terms: how long filings of a kind hold in an area, and how long evidence may take."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction

from yizhan.agency.filings.errors import FilingIncomplete, TermThere
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Term
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area, Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.errors import Problem, Problems


def set_term(
    area: Area,
    *,
    kind: str,
    from_on: date,
    days_valid: int | None,
    days_evidence: int | None,
    document: str,
    article: str = "",
    stand_in: bool = False,
    acting_user: Officer,
) -> Term:
    """Put on record how long filings of a kind hold in an area from a day on, and by which document.

    Filings made before keep their days. Raises NotFound, Problems with all that is wrong.
    """
    demand(acting_user, Right.FILING_DECIDE)
    if problems := _wrong(kind, days_valid, days_evidence, document):
        raise Problems(problems)
    with acting(acting_user):
        if not area.path.startswith(acting_user.area_path) or kind not in KINDS:
            raise NotFound
        try:
            with transaction.atomic():
                row = Term.objects.create(
                    area=area, area_path=area.path, kind=kind, from_on=from_on, days_valid=days_valid,
                    days_evidence=days_evidence, document=document.strip(), article=article.strip(), stand_in=stand_in,
                    made_by=acting_user,
                )  # fmt: skip
        except IntegrityError as error:
            if "one_term_a_day" not in str(error):
                raise
            words = KINDS[kind].words
            raise Problems([TermThere(kind_zh=words.zh, kind_en=words.en, on=from_on)]) from None
        record("filing.set_term", row, kind=kind, acting_user=acting_user)
        return row


def _wrong(kind: str, days_valid: int | None, days_evidence: int | None, document: str) -> list[Problem]:
    problems: list[Problem] = []
    if not document.strip():
        problems.append(FilingIncomplete(
            field_zh="文号", field_en="the document", why_zh="期限要有出处；没有的，请勾选“暂定”并写明由谁决定",
            why_en="a term has a source; without one, mark it as provisional and say who decided",
        ))  # fmt: skip
    if days_valid is None and days_evidence is None:
        problems.append(FilingIncomplete(
            field_zh="天数", field_en="the days", why_zh="有效期和补证期限至少一项", why_en="how long it holds, how long evidence may take, or both",
        ))  # fmt: skip
    if any(days is not None and not 0 < days <= 36_500 for days in (days_valid, days_evidence)):
        problems.append(FilingIncomplete(
            field_zh="天数", field_en="the days", why_zh="应在 1 和 36500 之间", why_en="between 1 and 36,500",
        ))  # fmt: skip
    if days_valid is not None and kind == "emergency":
        problems.append(FilingIncomplete(
            field_zh="有效期", field_en="how long it holds", why_zh="急诊只对当次就诊有效，请留空，只填补证期限", why_en="an emergency counts for its stay alone; leave it empty and give the days for evidence",
        ))  # fmt: skip
    if days_evidence is not None and kind != "emergency":
        problems.append(FilingIncomplete(
            field_zh="补证天数", field_en="days for evidence", why_zh="只有急诊有补证期限，其他请留空", why_en="only an emergency's evidence has a deadline; leave it empty",
        ))  # fmt: skip
    return problems
