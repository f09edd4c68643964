"""The demonstration: made-up people, officers of every role, and work in every state, made by the platform's own actions.

It is made step by step, each in one transaction that ends with a row of the audit trail. Killed half-way, it goes on with
the first step that has no row; a second one at the same time waits for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from django.db import connection
from django.utils import timezone

from yizhan.agency.demonstration import catalogues, country, filings, funds, lists, money, population, studies, visits
from yizhan.agency.demonstration.country import COUNTIES, PASSWORD, SHOWN, STAGE, officer
from yizhan.agency.demonstration.money import latest_year
from yizhan.agency.desk.words import Words
from yizhan.agency.enrolment.models import Enrolment, SubsidyBatch
from yizhan.agency.people.actions import correct_person, set_account, unmask
from yizhan.agency.people.merging import decide_merge, propose_merge
from yizhan.agency.people.models import Person
from yizhan.agency.rosters.models import Roster
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.models import Audit, Officer
from yizhan.agency.staff.scope import acting

_ONE_MAKER = 0x5EA2
"""Key of the advisory lock."""

__all__ = ["PASSWORD", "latest_year", "make_demonstration", "sign_ins"]


def make_demonstration() -> Words | None:
    """Make what is missing. None: all of it was there already; else what there is, in figures."""
    made = False
    with _alone():
        for name, step in _steps():
            with acting(STAGE):
                done = Audit.objects.filter(act=f"demonstration.{name}").exists()
                if not done:
                    step()
                    record(f"demonstration.{name}", acting_user=STAGE)
                    made = True
    return _figures() if made else None


def sign_ins(lang: str) -> list[str]:
    """Whom to sign in as: user name, role, area; then the password of all."""
    people = {o.username: o for o in Officer.objects.select_related("area").filter(demo=True)}
    lines = ["登录名              身份" if lang == "zh" else "user name                 who"]
    for username, hint in SHOWN:
        found = people[username]
        place = found.area.name if lang == "zh" else found.area.name_en or found.area.name
        lines.append(f"  {username:<24}{place}  {hint.zh if lang == 'zh' else hint.en}")
    lines.append(f"密码都是：{PASSWORD}" if lang == "zh" else f"everybody's password: {PASSWORD}")
    return lines


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [_ONE_MAKER])
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [_ONE_MAKER])


def _steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """All steps in their order. Each finds by itself what the ones before it made."""
    today = timezone.localdate()
    yield "areas", country.make_areas
    yield "officers", country.make_officers
    for step in ("agreements", "catalogues", "mappings"):
        yield step, partial(catalogues.make, step)
    for county in COUNTIES:
        yield f"persons.{county}", partial(population.register, county, today)
        yield f"households.{county}", partial(population.settle_down, county, today)
    yield "corners", _corners
    yield "duplicates", _duplicates
    for county in ("yuhu", "xiangtan-county"):
        yield f"first_lists.{county}", partial(lists.apply_first_lists, county)
    yield "first_lists.songshan", lists.apply_poor_of_songshan
    yield "history", lists.tell_history
    for county in COUNTIES:
        yield f"enrol.{county}", partial(money.enrol, county)
    for county in ("yuhu", "songshan"):
        yield f"subsidise.{county}", partial(money.subsidise, county)
        yield f"tax.{county}", partial(money.tell_tax_office, county)
        yield f"receipts.{county}", partial(money.take_receipts, county)
    yield "decisions", partial(money.decide_some, "yuhu")
    yield "doubles", partial(money.find_doubles, "yuhu")
    for county in COUNTIES:
        yield f"funds.{county}", partial(funds.pay_in, county)
    yield "covers", partial(funds.cover, "yuhu")
    yield "bills", money.settle_bills
    yield "filings", partial(filings.make, today)
    yield "payments", partial(funds.pay_out, "yuhu")
    # Later than the bills in time, too: what is corrected must be younger than what was settled by it.
    yield "late_list", partial(lists.apply_late_list, money.billed(today).replace(day=1), "yuhu")
    yield "more_subsidies", partial(money.propose_more, "yuhu")
    for county in COUNTIES:
        yield f"visits.{county}", partial(visits.make, county)
    yield "waiting_lists", lists.send_waiting_lists
    yield "gaps", lists.look_for_gaps
    yield "hospital_systems", country.let_in
    yield "studies", studies.make


def _corners() -> None:
    """An account for back-payments, a corrected name, a number looked at for a purpose."""
    acting_user = officer("yuhu.officer")
    with acting(acting_user):
        show = Person.objects.get(name="买买提·艾力")
        other = Person.objects.get(name="解单")
    set_account(
        show,
        number="6222000000000012",
        holder="买买提·艾力",
        bank="演示银行雨湖支行",
        why="报销款账户",
        acting_user=acting_user,
    )
    correct_person(other, address="雨湖路街道演示路8号", why="本人来电更正住址", acting_user=acting_user)
    unmask(show, field="phone", purpose="通知领取资助凭证", acting_user=acting_user)


def _duplicates() -> None:
    """People who were registered twice: one pair was merged, another waits for the reviewer."""
    acting_user = officer("yuhu.officer")
    today = timezone.localdate()
    twice = [m for m in population.drawn("yuhu") if m.household in (16, 30) and m.relation == "head"]
    persons = population.known("yuhu", twice, today)
    again = [population.again(m, 950 + 2 * k, acting_user=acting_user, today=today) for k, m in enumerate(twice)]
    merged = propose_merge(persons[0], dropped=again[0], why="同一人，旧证号码录错", acting_user=acting_user)
    decide_merge(merged, accept=True, acting_user=officer("yuhu.reviewer"))
    propose_merge(persons[1], dropped=again[1], why="姓名、出生日期、住址都相同", acting_user=acting_user)


def _figures() -> Words:
    with acting(STAGE):
        people, rosters = Person.objects.living_rows().count(), Roster.objects.count()
        insured, batches = Enrolment.objects.live().count(), SubsidyBatch.objects.count()
    officers = Officer.objects.filter(demo=True).count()
    return Words(
        f"{len(COUNTIES)} 个县区、{people} 人、{officers} 个用户、{rosters} 份名单、{insured} 条参保、{batches} 批资助",
        f"{len(COUNTIES)} counties, {people} people, {officers} officers, {rosters} rosters, {insured} enrolments, {batches} subsidy batches",
    )
