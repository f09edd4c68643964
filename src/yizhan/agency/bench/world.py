"""A made-up county at work: insured people, their stays with lines, and as many window clerks as are asked for.

Areas, hospitals, catalogues and officers are those of the demonstration. People, stays and lines are written in bulk, the
lines as copies of one bill that the platform split itself, so that thousands of stays take seconds to make.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from yizhan.agency.care.actions import add_lines, register_visit
from yizhan.agency.demonstration import catalogues, country
from yizhan.agency.demonstration.country import STAGE, officer
from yizhan.agency.demonstration.population import division
from yizhan.agency.enrolment.models import Charge as Premium
from yizhan.agency.enrolment.models import Enrolment
from yizhan.agency.gateway.actions import grant
from yizhan.agency.people.bulk import MarkRow, NewPerson, add_marks_in_bulk, register_in_bulk
from yizhan.agency.people.identifiers import read_identifier, synthetic_id
from yizhan.agency.people.models import Person
from yizhan.agency.providers.splitting import Charge
from yizhan.agency.staff.actions import create_officer
from yizhan.agency.staff.models import Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.scope import Actor, acting
from yizhan.engine.money import yuan

COUNTY = "430302"
HOSPITAL = "H43030201"
DAY = timedelta(days=1)
STAY = 6
"""Days of a stay."""

BILL_FEN = 3_000_000
"""A bill of which several layers bear a part."""

ITEMS = ("Y1001", "Y1003", "Y1004", "Y1005", "Y2003", "Y2004", "Y2006", "Y2007", "Y2010", "Y3001")
"""What the lines of a bill are: items of the hospital, of all classes."""


def make_county(clerks: int) -> tuple[str, ...]:
    """Areas, agreements, catalogues, mappings, and clerks of one hospital. Returns their user names."""
    country.make_areas()
    country.make_officers()
    catalogues.sign_agreements("xiangtan")
    catalogues.apply_catalogues("xiangtan")
    catalogues.map_items("yuhu")
    hospital = Institution.objects.select_related("area").get(code=HOSPITAL)
    names = tuple(f"window.{k:02d}" for k in range(clerks))
    for name in names:
        create_officer(
            name, name="示例窗口", roles=[Role.WINDOW], area=hospital.area, department="other", institution=hospital,
            demo=True, acting_user=STAGE,
        )  # fmt: skip
    # One hash for all: argon2 takes its time on purpose.
    known = officer("yuhu.window")
    Officer.objects.filter(username__in=names).update(password=known.password, password_set_at=known.password_set_at)
    return names


def make_people(count: int, *, acting_user: Officer) -> list[int]:
    """Register and insure people of the officer's county for this year and the one before; one in eight is on subsistence
    allowance, beginning with the first.
    """
    today = timezone.localdate()
    made = []
    for k in range(count):
        number = synthetic_id(division(COUNTY), date(1940, 1, 1) + k // 450 * DAY, k % 450 * 2)
        read = read_identifier("resident_id", number, today)
        assert read.born_on is not None
        made.append(NewPerson("示例某", read, read.sex, read.born_on, acting_user.area_path))
    numbers = [number for number in register_in_bulk(made, acting_user=acting_user) if number is not None]
    marks = [MarkRow(number, "subsistence", date(today.year, 1, 1)) for number in numbers[::8]]
    add_marks_in_bulk(marks, roster_id=None, department="civil_affairs", acting_user=acting_user)
    with acting(acting_user):
        for year in (today.year - 1, today.year):
            whole = DateRange(date(year, 1, 1), date(year + 1, 1, 1))
            enrolled = {"area_path": acting_user.area_path, "scheme": "resident", "enrolled_on": date(year - 1, 12, 1)}
            Enrolment.objects.bulk_create(
                (Enrolment(person_id=number, year=year, insured=whole, **enrolled) for number in numbers),
                batch_size=1_000,
            )
            nothing_due = {"own_premium": 0, "government_part": 0, "digest": "-"}
            Premium.objects.bulk_create(
                (Premium(person_id=n, area_path=acting_user.area_path, year=year, **nothing_due) for n in numbers),
                batch_size=1_000,
            )
    return numbers


def make_stays(persons: Sequence[int], *, lines: int, weeks_ago: int) -> list[int]:
    """A stay of each person that ended so many weeks ago, with that many lines. Returns the visits."""
    prefix = f"{lines}-{weeks_ago}"
    return copies(_pattern(lines, prefix, weeks_ago), persons, prefix=prefix, acting_user=officer("yuhu.window"))


def copies(pattern: int, persons: Sequence[int], *, prefix: str, acting_user: Officer) -> list[int]:
    """A visit of each of these persons that is like one that is there, lines included. Returns the visits, in their order."""
    with acting(acting_user), connection.cursor() as cursor:
        cursor.execute(
            "insert into care_visit (number, institution_id, person_id, area_path, care, admitted_on, discharged_on, state,"
            " department, doctor, bed, diagnoses, facts, source, made_by_id)"
            " select %s || p.n, v.institution_id, p.person, v.area_path, v.care, v.admitted_on, v.discharged_on, v.state,"
            " v.department, v.doctor, v.bed, v.diagnoses, v.facts, v.source, v.made_by_id"
            " from care_visit v, unnest(%s::bigint[]) with ordinality p(person, n) where v.id = %s order by p.n returning id",
            [f"{prefix}-", list(persons), pattern],
        )
        visits = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "select quote_ident(column_name) from information_schema.columns where table_name = 'care_billline'"
            " and column_name not in ('id', 'visit_id', 'person_id', 'added_at') order by ordinal_position"
        )
        columns = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            f"insert into care_billline (visit_id, person_id, {', '.join(columns)})"
            f" select v.id, v.person_id, {', '.join(f't.{column}' for column in columns)} from care_visit v, care_billline t"
            " where v.id = any(%s) and t.visit_id = %s",
            [visits, pattern],
        )
    return visits


def connect_hospital(*, acting_user: Actor) -> tuple[str, str]:
    """Let the hospital's own system in, bound by nothing but the machine. Returns key id and secret."""
    institution = Institution.objects.get(code=HOSPITAL)
    terms = {"a_second": 100_000, "at_once": 1_000}
    granted = grant(institution, profile="ca", terms=terms, acting_user=acting_user)
    return granted.caller.key_id, granted.secret


def tell(visits: Sequence[int], *, acting_user: Officer) -> list[tuple[int, str, str]]:
    """Give these stays what the interface tells of one, as 2401 would have. Returns (visit, person, yuan) of each."""
    with acting(acting_user), connection.cursor() as cursor:
        cursor.execute(
            "insert into gateway_told (visit_id, institution_id, area_path, mdtrt, number, insutype, med_type, cert_type, more)"
            " select v.id, v.institution_id, i.area_path, v.id, left(v.number, 30), '390', '21', '02', '{}'"
            " from care_visit v join staff_institution i on i.id = v.institution_id where v.id = any(%s)",
            [list(visits)],
        )
        cursor.execute(
            "select v.id, v.person_id, sum(t.amount_fen) from care_visit v join care_billline t on t.visit_id = v.id"
            " where v.id = any(%s) group by v.id order by v.id",
            [list(visits)],
        )
        return [(visit, str(person), yuan(int(fen))) for visit, person, fen in cursor.fetchall()]


def _pattern(lines: int, prefix: str, weeks_ago: int) -> int:
    """The stay that the others are copies of; it is not settled."""
    clerk, end = officer("yuhu.window"), timezone.localdate() - 7 * weeks_ago * DAY
    with acting(officer("yuhu.officer")):
        person = Person.objects.order_by("pk")[0]
    visit = register_visit(
        person, institution=clerk.institution, number=f"{prefix}-0", care="inpatient", admitted_on=end - STAY * DAY,
        discharged_on=end, diagnoses=["J18.9 肺炎"], acting_user=clerk,
    )  # fmt: skip
    each = BILL_FEN // lines
    charges = [
        Charge(end - k % STAY * DAY, ITEMS[k % len(ITEMS)], f"示例{k}", 10_000, each * 100, each) for k in range(lines)
    ]
    add_lines(visit.pk, charges, acting_user=clerk)
    return visit.pk
