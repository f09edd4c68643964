"""Lists for the tax office: whom to collect from, and whom to pay back.

A list holds those for whom something is new since the last one: a row says the whole sum that the person now has to pay
for the year after subsidy, so that the latest row of a person is the one that counts. The file is made anew at each
download from the rows that were kept, and must come out with the digest that stands on the list.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, QuerySet, Sum

from yizhan.agency import crypto
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.actions.enrolling import signer
from yizhan.agency.enrolment.actions.subsidies import county
from yizhan.agency.enrolment.errors import ListNotReady, NothingForList
from yizhan.agency.enrolment.models import LIST_KINDS, RESIDENT, Refund, TaxList, TaxRow
from yizhan.agency.enrolment.queries import kept
from yizhan.agency.enrolment.years import year_at
from yizhan.agency.jobs.actions import start
from yizhan.agency.people.sealing import ID_NUMBER
from yizhan.agency.spreadsheets import Column, write_csv
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.ceilings import use
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Area
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import Actor, acting, demand
from yizhan.errors import EngineFault

FILE_COLUMNS = (
    Column("名单编号"), Column("人员编号"), Column("证件号码"), Column("姓名"), Column("年度", "integer"), Column("金额", "amount"),
)  # fmt: skip
"""The file that the tax office gets; docs/enrolment.md explains it."""


def make_list(kind: str, area: Area, *, year: int, acting_user: Actor) -> TaxList:
    """Make a list of what changed since the last one, as a run.

    Raises NotAllowed, NotFound, CountyNeeded, NothingForList; Problems: no policies, no figures.
    """
    demand(acting_user, Right.TAX_EXCHANGE)
    with acting(acting_user):
        county(area, acting_user)
        year_at(area.path, year)
        number = TaxList.objects.filter(area=area, year=year, kind=kind).count() + 1
        letter = {"due": "J", "refund": "T"}[kind]
        if not _anything(kind, area.path, year):
            raise NothingForList(name=area.name, year=year)
        try:
            with transaction.atomic():
                tax_list = TaxList.objects.create(
                    number=f"{area.code}-{year}-{letter}{number:03d}", kind=kind, area=area, area_path=area.path, year=year,
                    made_by_id=signer(acting_user),
                )  # fmt: skip
        except IntegrityError:
            raise NothingForList(name=area.name, year=year) from None
        words = LIST_KINDS[kind]
        title = Words(f"{words.zh} {tax_list.number}", f"{words.en} {tax_list.number}")
        run = start("enrolment.tax_list", title=title, about={"list": tax_list.pk}, acting_user=acting_user)
        tax_list.run_id = run.pk
        tax_list.save(update_fields=["run_id"])
        record("tax_list.make", tax_list, number=tax_list.number, acting_user=acting_user)
        return tax_list


_CHANGED = """
    from enrolment_charge c
    join people_person p on p.id = c.person_id
    left join lateral (
        select r.fen from enrolment_taxrow r join enrolment_taxlist l on l.id = r.tax_list_id
         where r.charge_id = c.id and l.kind = 'due' order by r.id desc limit 1) said on true
    join people_person k on k.id = case when said.fen is null then coalesce(p.merged_into_id, p.id) else p.id end
    where c.year = %(year)s and c.area_path >= %(path)s and c.area_path < %(path)s || '~'
      and c.due - c.covered <> coalesce(said.fen, 0)
      and (c.void or exists (select from enrolment_enrolment e where e.person_id = c.person_id and e.year = c.year
                              and e.withdrawn_at is null and e.scheme = any(%(schemes)s)))
"""
"""Accounts whose sum to pay (own premium less subsidy) is not the one last told to the tax office; `k` is whom to name.

A record that was merged into another keeps its number where the tax office knows it already: told under two numbers, the
sum would be collected twice.
"""


def _anything(kind: str, path: str, year: int) -> bool:
    if kind == "refund":
        return _to_list(path, year).exists()
    with connection.cursor() as cursor:
        cursor.execute(f"select exists (select 1 {_CHANGED})", {"year": year, "path": path, "schemes": list(RESIDENT)})
        return bool(cursor.fetchone()[0])


def _to_list(path: str, year: int) -> QuerySet[Refund]:
    return Refund.objects.filter(
        state="approved", year=year, charge__area_path__gte=path, charge__area_path__lt=path + "~"
    )


def fill(tax_list: TaxList) -> None:
    """Collect the rows of a list and note their digest. Called inside `acting`, by the run."""
    if tax_list.digest:
        return
    if tax_list.kind == "due":
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into enrolment_taxrow (tax_list_id, area_path, charge_id, person_id, name, id_sealed, id_mask, fen)"
                " select %(list)s, c.area_path, c.id, k.id, k.name, k.id_sealed, k.id_mask, c.due - c.covered"
                f" {_CHANGED} order by k.id, c.id",
                {"list": tax_list.pk, "year": tax_list.year, "path": tax_list.area_path, "schemes": list(RESIDENT)},
            )
    else:
        refunds = list(_to_list(tax_list.area_path, tax_list.year).select_for_update(of=("self",)).order_by("pk"))
        with_people = Refund.objects.filter(pk__in=[r.pk for r in refunds]).select_related(
            "charge__person__merged_into"
        )
        known = set(
            TaxRow.objects.filter(charge__in=[r.charge_id for r in refunds]).values_list("charge_id", "person_id")
        )
        TaxRow.objects.bulk_create(_row(tax_list, r, known) for r in with_people.order_by("pk"))
        Refund.objects.filter(pk__in=[r.pk for r in refunds]).update(state="listed", tax_list=tax_list)
    sums = tax_list.lines.aggregate(rows=Count("id"), fen=Sum("fen"))
    tax_list.rows, tax_list.fen = sums["rows"], sums["fen"] or 0
    tax_list.digest = crypto.digest(content_of(tax_list)).hex()
    tax_list.save(update_fields=["rows", "fen", "digest"])


def _row(tax_list: TaxList, refund: Refund, known: set[tuple[int, int]]) -> TaxRow:
    """A refund's row, under the number by which the tax office knows the account."""
    charge = refund.charge
    person = charge.person if (charge.pk, charge.person_id) in known else kept(charge.person)
    return TaxRow(
        tax_list=tax_list, area_path=charge.area_path, charge=charge, person=person, name=person.name,
        id_sealed=person.id_sealed, id_mask=person.id_mask, fen=refund.fen,
    )  # fmt: skip


def content_of(tax_list: TaxList) -> bytes:
    """The file of a list, as the tax office gets it: CSV with full numbers. The same rows give the same bytes."""

    def rows() -> Iterator[tuple[str, str, str, str, int, int]]:
        for row in tax_list.lines.order_by("id").iterator(chunk_size=2000):
            number = crypto.unseal(row.id_sealed, purpose=ID_NUMBER)
            yield tax_list.number, f"{row.person_id:010d}", number, row.name, tax_list.year, row.fen

    out = io.BytesIO()
    write_csv(out, FILE_COLUMNS, rows())
    return out.getvalue()


def hand_over(tax_list: TaxList, *, acting_user: Actor) -> bytes:
    """The file of a list, for the tax office. Counted and recorded, because it holds full numbers.

    Raises NotAllowed, NotFound, ListNotReady, OverCeiling, EngineFault: the file would not be the one of the digest.
    """
    demand(acting_user, Right.TAX_EXCHANGE)
    with acting(acting_user):
        found = TaxList.objects.filter(pk=tax_list.pk).first()
        if found is None:
            raise NotFound()
        if not found.digest:
            raise ListNotReady(number=found.number)
        use("tax_rows", found.rows, acting_user=acting_user)
        content = content_of(found)
        if crypto.digest(content).hex() != found.digest:
            raise EngineFault(what=f"list {found.number} no longer has its digest")
        record(
            "tax_list.hand_over",
            found,
            number=found.number,
            rows=found.rows,
            digest=found.digest,
            acting_user=acting_user,
        )
        return content
