"""Filings of the demonstration: referrals, emergencies, registrations and certificates in every state, by real acts.

Terms are provisional, as no document of these places prints them; whoever works at a township or at the city's hospital is
made here, since nobody else needs them before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from yizhan.agency.demonstration.country import COUNTIES, STAGE, officer
from yizhan.agency.demonstration.population import drawn, known
from yizhan.agency.filings.actions import filing as actions
from yizhan.agency.filings.actions.certificates import issue_certificate, print_again
from yizhan.agency.filings.actions.evidence import add_evidence
from yizhan.agency.filings.actions.terms import set_term
from yizhan.agency.filings.kinds import KINDS
from yizhan.agency.filings.models import Filing
from yizhan.agency.people.models import Person
from yizhan.agency.people.queries import identities_of
from yizhan.agency.staff.actions import create_officer
from yizhan.agency.staff.models import Area, Institution, Officer
from yizhan.agency.staff.rights import Role
from yizhan.agency.staff.scope import acting

CLERKS = (
    ("yuhu.township", "聂远山", "H43030202"),
    ("xiangtan-county.township", "贺春阳", "H43032102"),
    ("songshan.township", "宝音", "H15040402"),
    ("xiangtan.window", "傅清和", "H43030001"),
    ("chifeng.window", "朝克图", "H15040001"),
)
"""User name, name, institution."""

DAYS = {
    "referral": 30,
    "offsite": 365,
    "chronic": 730,
    "special": 730,
    "severe": 365,
    "certificate": 365,
    "family_doctor": 365,
    "choice": 365,
    "injury": 180,
}
EVIDENCE_DAYS = 5
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 595]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
"""An empty page in the place of a medical record."""


def make(today: date) -> None:
    """Terms, clerks, and filings in every state for the three counties."""
    _make_clerks()
    for city in ("xiangtan", "chifeng"):
        _set_terms(officer(f"{city}.city"))
    for county in COUNTIES:
        _County(county, today).make()


def _make_clerks() -> None:
    stamp = officer("system")
    for username, name, code in CLERKS:
        home = Institution.objects.select_related("area").get(code=code)
        create_officer(
            username, name=name, roles=[Role.WINDOW], area=home.area, department="other", institution=home, demo=True,
            acting_user=STAGE,
        )  # fmt: skip
    made = Officer.objects.filter(username__in=[username for username, _, _ in CLERKS])
    # The one password of the demonstration, hashed once: argon2 takes a fifth of a second for each, on purpose.
    made.update(password=stamp.password, password_set_at=stamp.password_set_at)


def _set_terms(acting_user: Officer) -> None:
    for kind in KINDS:
        set_term(
            acting_user.area, kind=kind, from_on=date(2020, 1, 1), days_valid=DAYS.get(kind),
            days_evidence=EVIDENCE_DAYS if kind == "emergency" else None, document="演示暂定（医保经办例会）", stand_in=True,
            acting_user=acting_user,
        )  # fmt: skip


class _County:
    """The filings of one county, each for the next person who has none yet."""

    def __init__(self, county: str, today: date) -> None:
        self.county, self.today = county, today
        self.maker, self.decider = officer(f"{county}.officer"), officer(f"{county}.reviewer")
        self.window, self.township = officer(f"{county}.window"), officer(f"{county}.township")
        city = "chifeng" if county == "songshan" else "xiangtan"
        self.city_window = officer(f"{city}.window")
        assert self.city_window.institution is not None
        self.city_hospital: Institution = self.city_window.institution
        adults = [m for m in drawn(county) if m.relation in ("head", "spouse") and m.household not in (16, 30)]
        persons = known(county, adults[3:], today)
        with acting(self.maker):
            held = identities_of(persons, today)
        self.poor = [p for p in persons if p.pk in held]
        self.persons: Iterator[Person] = iter(persons)

    def make(self) -> None:
        """All of them."""
        self.referrals()
        self.emergencies()
        self.registrations()
        self.certificates()

    def ask(self, kind: str, by: Officer, *, person: Person | None = None, days_ago: int = 0, **said: Any) -> Filing:
        """A filing for the next person, made for a day some days ago."""
        about: dict[str, Any] = {"from_on": self.today - timedelta(days=days_ago), "why": "病情需要"}
        if kind == "referral":
            about |= {"to_institution": self.city_hospital, "diagnoses": ["N18.5"]}
            about |= {"opinion_of": self.window.institution, "why": "本院条件有限，建议上转肾内科"}
        return actions.make(kind, person or next(self.persons), **about | said, acting_user=by)

    def referrals(self) -> None:
        """From the township to the bureau, stopped at each stage once."""
        for opinion, decision in (
            ("", ""), ("agree", ""), ("return", ""), ("refuse", ""), ("agree", "approve"), ("agree", "refuse"), ("agree", "return"),
        ):  # fmt: skip
            row = self.ask("referral", self.township)
            if opinion:
                words = {"agree": "同意转诊", "return": "请补近期肾功能检查单", "refuse": "本院可以治疗，不同意上转"}[
                    opinion
                ]
                actions.opine(row, opinion=opinion, words=words, acting_user=self.window)
            if decision:
                words = {"approve": "", "refuse": "与病情不符", "return": "请写明转入科室"}[decision]
                actions.decide(row, decision=decision, words=words, acting_user=self.maker)
        moved = self.ask(
            "referral", self.window, days_ago=10, from_stay=True, opinion_of=None, why="住院中病情加重，直接转上级医院"
        )
        actions.decide(moved, decision="approve", acting_user=self.maker)
        forged = self.ask("referral", self.window, days_ago=40, opinion_of=None)
        actions.decide(forged, decision="approve", acting_user=self.maker)
        actions.revoke(forged, forged=True, words="医师签名系伪造，经核实", acting_user=self.decider)
        taken_back = self.ask("referral", self.window, opinion_of=None)
        actions.withdraw(taken_back, words="病人改在本院治疗", acting_user=self.window)

    def emergencies(self) -> None:
        """In time, late, with evidence, filed."""
        for days_ago, evidence, decided in ((2, False, False), (9, False, False), (1, True, False), (20, True, True)):
            row = self.ask(
                "emergency", self.city_window, days_ago=days_ago, emergency_on=self.today - timedelta(days=days_ago),
                diagnoses=["I21.9"], why="急性胸痛，救护车送入",
            )  # fmt: skip
            if evidence:
                on = self.today - timedelta(days=days_ago)
                add_evidence(row, name="急诊病历.pdf", content=PDF, on=on, acting_user=self.city_window)
            if decided:
                actions.decide(row, decision="approve", words="病历属实", acting_user=self.maker)

    def registrations(self) -> None:
        """Residence elsewhere, diseases, a family doctor."""
        away = Area.objects.get(code="150400" if self.county != "songshan" else "430300")
        wanted: tuple[tuple[str, dict[str, Any]], ...] = (
            ("offsite", {"place": away, "why": "随子女长期居住"}),
            ("chronic", {"disease": "高血压", "diagnoses": ["I10"], "why": "三级高血压，长期服药"}),
            ("special", {"disease": "器官移植抗排异治疗", "diagnoses": ["Z94.0"], "why": "肾移植术后"}),
            ("severe", {"disease": "终末期肾病", "diagnoses": ["N18.5"], "why": "规律透析"}),
            ("family_doctor", {"to_institution": self.township.institution, "why": "签约姜医生团队"}),
            ("choice", {"to_institution": self.township.institution, "why": "慢性病在乡镇卫生院开药"}),
        )
        for kind, said in wanted:
            row = self.ask(kind, self.maker, days_ago=60, **said)
            actions.decide(row, decision="approve", words="材料齐全", acting_user=self.decider)
            if kind == "chronic":
                last = self.today - timedelta(days=5)
                actions.end(row, last=last, words="复查已不符合标准", acting_user=self.decider)
        self.ask("severe", self.maker, disease="食管癌", diagnoses=["C15.9"], why="新确诊，申请纳入专项救治")
        self.ask("injury", self.window, diagnoses=["S82.1"], why="雨天在自家院内滑倒，无第三人")
        self.ask("chronic", self.window, disease="糖尿病", diagnoses=["E11"], why="出院后需长期用药")

    def certificates(self) -> None:
        """For those entitled today: one waits, one has its paper, one lost it, one was revoked."""
        rows = [
            self.ask("certificate", self.maker, person=person, days_ago=30 * k, why="救助对象，凭名单发证")
            for k, person in enumerate(self.poor[:4])
        ]
        for row in rows[1:]:
            actions.decide(row, decision="approve", acting_user=self.decider)
            issue_certificate(row, why="first", acting_user=self.maker)
        if len(rows) > 2:
            issue_certificate(rows[2], why="lost", words="本人称在集市遗失", acting_user=self.maker)
            print_again(rows[2], acting_user=self.maker)
        if len(rows) > 3:
            actions.revoke(rows[3], words="核查发现不符合条件", acting_user=self.decider)
