"""Who is insured when, what the premium costs, who paid which part of it.

    Enrolment      one person, one scheme, one year: from when to when insured, and why
    Charge         the person's account of one year: own premium, subsidised, received, refunded, and what is left
    Entry          one movement on it; entries are only added, and the database adds them up
    SubsidyBatch   subsidies that one officer proposes and another approves, a `SubsidyLine` for each person and payer
    TaxList        what the tax office is to collect or pay back; numbered, with a digest
    ListFile       a table that came in: people to enrol, employees, receipts of the tax office
    Receipt        one payment that the tax office confirmed; `Difference` is what did not fit
    Refund         money to be paid back: proposed, approved, listed
    Double         somebody insured twice, and which of the two stays
    Cover          supplementary insurance that somebody holds: from when to when, and who paid its premium

    own premium = covered by subsidies + paid by the person + balance

The balance is owed where it is above zero, and to be refunded below it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Area, PathField
from yizhan.engine.facts import FACTS
from yizhan.engine.premium import EVENTS as ENGINE_EVENTS

SCHEMES = {value.code: Words(value.zh, value.en) for value in FACTS["insurance"].values}
TIERS = {value.code: Words(value.zh, value.en) for value in FACTS["tier"].values}
RESIDENT = ("resident", "rural_cooperative", "urban_resident")
"""The schemes whose premium a person pays by the year; of them one has one."""

EVENTS = {code: Words(zh, en) for code, (zh, en) in ENGINE_EVENTS.items()}


class State(NamedTuple):
    """A state as pages show it: words, and a tone (good, wait, bad, plain)."""

    words: Words
    tone: str


BATCH_STATES = {
    "computing": State(Words("测算中", "computing"), "plain"),
    "proposed": State(Words("待核定", "waiting for approval"), "wait"),
    "approved": State(Words("已核定", "approved"), "good"),
    "refused": State(Words("已退回", "refused"), "bad"),
    "withdrawn": State(Words("已撤回", "withdrawn"), "plain"),
}
REFUND_STATES = {
    "proposed": State(Words("待核定", "waiting for approval"), "wait"),
    "approved": State(Words("已核定，待列入退费名单", "approved, not listed yet"), "wait"),
    "listed": State(Words("已列入退费名单", "on a refund list"), "good"),
    "refused": State(Words("已退回", "refused"), "bad"),
}
REFUND_REASONS = {
    "paid_twice": Words("重复缴费", "paid twice"),
    "died": Words("年度开始前去世", "died before the year"),
    "moved": Words("迁出", "moved away"),
    "subsidised_later": Words("缴费后得到资助", "subsidised after paying"),
    "insured_elsewhere": Words("重复参保", "insured twice"),
    "other": Words("其他", "other"),
}
LIST_KINDS = {"due": Words("征缴名单", "to collect"), "refund": Words("退费名单", "to refund")}
FILE_KINDS = {
    "residents": Words("居民参保名单", "residents to enrol"),
    "employees": Words("职工参保名单", "insured employees"),
    "receipts": Words("税务回执", "receipts of the tax office"),
}
DIFFERENCES = {
    "unknown_person": Words("查无此人", "unknown person"),
    "name_differs": Words("姓名与证件号不符", "name and number differ"),
    "not_enrolled": Words("没有参保登记", "not enrolled"),
    "too_little": Words("金额不足", "paid too little"),
    "too_much": Words("金额过多", "paid too much"),
    "paid_twice": Words("已无应缴，又缴一笔", "paid though nothing was owed"),
    "late": Words("集中缴费期后缴费", "paid after the collection period"),
    "number_conflict": Words("回执号相同，内容不同", "a receipt number with other content"),
}
DECISIONS = {
    "assign": Words("记到这个人名下", "count it for this person"),
    "accept": Words("认可", "accept"),
    "wait": Words("通知补缴", "ask for the rest"),
    "refund": Words("提请退费", "propose a refund"),
    "returned": Words("退回税务核实", "back to the tax office"),
}
ALLOWED_DECISIONS = {
    "unknown_person": ("assign", "returned"),
    "name_differs": ("assign", "returned"),
    "not_enrolled": ("assign", "refund", "returned"),
    "too_little": ("wait", "returned"),
    "too_much": ("refund", "returned"),
    "paid_twice": ("refund", "returned"),
    "late": ("accept", "refund"),
    "number_conflict": ("returned",),
}
"""What an officer may decide about each kind of difference."""

ROW_OUTCOMES = {
    "": State(Words("待处理", "waiting"), "plain"),
    "enrolled": State(Words("已参保", "enrolled"), "good"),
    "already": State(Words("此前已参保", "was enrolled already"), "plain"),
    "recorded": State(Words("已记录", "recorded"), "good"),
    "double": State(Words("重复参保，已立案", "double enrolment, case opened"), "wait"),
    "counted": State(Words("已入账", "counted"), "good"),
    "repeated": State(Words("此前已入账", "was counted already"), "plain"),
    "different": State(Words("有差异", "differs"), "wait"),
    "not_found": State(Words("查无此人", "not found"), "bad"),
    "refused": State(Words("不能办理", "refused"), "bad"),
}

PAID_BY = {
    "person": Words("本人", "the person"),
    "finance": Words("财政", "public finance"),
    "shared": Words("财政和本人", "public finance and the person"),
    "donor": Words("帮扶单位或捐赠", "a partner or donor"),
    "other": Words("其他", "other"),
}
"""Who paid the premium of supplementary insurance. It is the insurer's money, and stands in no account of ours."""

KEEPS = {
    "own": Words("保留本地参保", "the enrolment here stays"),
    "other": Words("保留另一处参保", "the other enrolment stays"),
}


def _officer(*, null: bool = False) -> models.ForeignKey:
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=null, related_name="+")


class Extension(models.Model):
    """A collection period that the bureau made longer by a document. Everybody may read it; the longest counts."""

    area_code = models.CharField(max_length=12, help_text="the pooling area")
    area_path = PathField()
    year = models.IntegerField()
    period_to = models.DateField()
    document = models.CharField(max_length=120)
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer()

    class Meta:
        indexes = [models.Index(fields=["area_code", "year"], name="extension_year")]


class Population(models.Model):
    """Resident population of an area, as the bureau knows it; the latest entry counts."""

    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    area_path = PathField()
    year = models.IntegerField()
    heads = models.IntegerField()
    counted_on = models.DateField()
    source = models.CharField(max_length=120)
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(heads__gt=0), name="population_above_zero")]


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    """Enrolments, by what is believed now."""

    def live(self) -> EnrolmentQuerySet:
        """Not withdrawn."""
        return self.filter(withdrawn_at=None)

    def resident(self) -> EnrolmentQuerySet:
        """Of the schemes paid by the year."""
        return self.filter(scheme__in=RESIDENT)


class Enrolment(models.Model):
    """Somebody's membership in a scheme for a year（参保登记）. Corrected by withdrawing the row and adding another.

    `insured` is half-open. None: not known yet, because a subsidy is awaited or nobody may come in any more.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="enrolments", db_index=False)
    area_path = PathField(help_text="where the person is insured")
    year = models.IntegerField()
    scheme = models.CharField(max_length=20)
    tier = models.CharField(max_length=10, blank=True)
    event = models.CharField(max_length=20, default="ordinary")
    event_on = models.DateField(null=True)
    enrolled_on = models.DateField()
    insured = DateRangeField(null=True)
    start = models.CharField(max_length=12, blank=True, help_text="which day the first insured day is")
    place = models.CharField(
        max_length=100, blank=True, help_text="employer or bureau, where the scheme is run elsewhere"
    )
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = _officer(null=True)
    withdrawn_why = models.CharField(max_length=200, blank=True)

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "year"],
                condition=Q(withdrawn_at=None, scheme__in=RESIDENT),
                name="one_resident_enrolment",
            ),
            models.UniqueConstraint(
                fields=["person", "scheme", "insured"], condition=Q(withdrawn_at=None), name="enrolment_said_once"
            ),
            models.CheckConstraint(condition=Q(insured=None) | Q(insured__isempty=False), name="insured_not_empty"),
        ]
        indexes = [
            models.Index(fields=["area_path", "year", "scheme"], name="enrolment_area"),
            models.Index(fields=["person", "year"], name="enrolment_person_year"),
        ]

    if TYPE_CHECKING:
        person_id: int

    @property
    def last_day(self) -> date | None:
        """The last insured day."""
        return self.insured.upper - timedelta(days=1) if self.insured and self.insured.upper else None


_NOTHING = models.Value(0, output_field=models.BigIntegerField())


class Charge(models.Model):
    """A person's account of one year's premium（参保费账户）. Fen. What moves stands in `Entry`; the database adds it up."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="charges")
    area_path = PathField()
    year = models.IntegerField()
    own_premium = models.BigIntegerField()
    government_part = models.BigIntegerField()
    void = models.BooleanField(default=False, help_text="the enrolment fell away: nothing is due")
    subsidised = models.BigIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=16, help_text="of the rules that the figures come from")
    explanation = models.JSONField(
        default=dict, help_text="{zh: [...], en: [...]} as told when the person was enrolled"
    )
    due = models.GeneratedField(
        expression=models.Case(models.When(void=True, then=_NOTHING), default=F("own_premium")),
        output_field=models.BigIntegerField(), db_persist=True,
    )  # fmt: skip
    covered = models.GeneratedField(
        expression=models.Case(
            models.When(void=True, then=_NOTHING),
            default=models.functions.Least(F("subsidised"), F("own_premium")),
        ),
        output_field=models.BigIntegerField(), db_persist=True,
    )  # fmt: skip
    balance = models.GeneratedField(
        expression=models.Case(
            models.When(void=True, then=_NOTHING),
            default=F("own_premium") - models.functions.Least(F("subsidised"), F("own_premium")),
        ) - F("received") + F("refunded"),
        output_field=models.BigIntegerField(), db_persist=True,
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "year"], name="one_charge_a_year"),
            models.CheckConstraint(
                condition=Q(subsidised__gte=0, subsidised__lte=F("own_premium") + F("government_part")),
                name="subsidy_within_premium",
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("received")), name="refund_within_received"
            ),
            models.CheckConstraint(
                condition=Q(own_premium__gte=0, government_part__gte=0), name="premium_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["area_path", "year"], name="charge_area")]

    if TYPE_CHECKING:
        person_id: int

    @property
    def paid(self) -> int:
        """What the person paid and did not get back."""
        return self.received - self.refunded

    @property
    def owed(self) -> int:
        """What the person still owes."""
        return max(0, self.balance)

    @property
    def refundable(self) -> int:
        """What the person paid too much."""
        return max(0, -self.balance)


class SubsidyBatch(models.Model):
    """Subsidies for a county and year, proposed together（资助批次）. Who proposes does not approve."""

    number = models.CharField(max_length=30, unique=True)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    area_path = PathField()
    year = models.IntegerField()
    state = models.CharField(max_length=10, default="computing")
    document = models.CharField(max_length=120, blank=True, help_text="the application of the departments")
    computed_on = models.DateField(help_text="the day whose knowledge it was computed with")
    run_id = models.BigIntegerField(null=True)
    counts = models.JSONField(default=dict, help_text="whom the computation looked at, and why some get no line")
    proposed_by = _officer()
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_why = models.CharField(max_length=200, blank=True)
    money_on = models.DateField(null=True, help_text="the day on which the money arrives")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")) | Q(state="withdrawn"),
                name="subsidy_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "refused"]) | Q(decided_by__isnull=False),
                name="subsidy_has_a_checker",
            ),
            models.UniqueConstraint(
                fields=["area", "year"], condition=Q(state__in=["computing", "proposed"]), name="one_open_batch"
            ),
        ]

    if TYPE_CHECKING:
        area_id: int
        proposed_by_id: int

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return BATCH_STATES[self.state]


class SubsidyLine(models.Model):
    """What one payer gives for one person, or takes back (below zero). Never changed; `open` ends with the decision."""

    batch = models.ForeignKey(SubsidyBatch, models.PROTECT, related_name="lines")
    area_path = PathField()
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    year = models.IntegerField()
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="lines")
    payer = models.CharField(max_length=40, help_text="as the policy document names it")
    identity = models.CharField(max_length=30, blank=True)
    fen = models.BigIntegerField()
    before = models.BigIntegerField(help_text="what this person's year had been given before")
    enrols = models.BooleanField(default=False, help_text="the person is not enrolled yet; approving does it")
    applied_by = models.CharField(max_length=40, blank=True)
    certified_by = models.CharField(max_length=60, blank=True)
    citation = models.CharField(max_length=200, blank=True)
    stand_in = models.BooleanField(default=False)
    explanation = models.JSONField(default=dict)
    open = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "year", "payer"], condition=Q(open=True), name="one_open_line"),
            models.CheckConstraint(condition=~Q(fen=0), name="line_not_zero"),
        ]
        indexes = [models.Index(fields=["batch", "payer"], name="line_payer")]


class TaxList(models.Model):
    """A list handed to the tax office（征缴名单、退费名单）. A row says the whole sum that now stands, not a change of it."""

    number = models.CharField(max_length=30, unique=True)
    kind = models.CharField(max_length=10)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+")
    area_path = PathField()
    year = models.IntegerField()
    rows = models.IntegerField(default=0)
    fen = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the file; empty while it is being made")
    run_id = models.BigIntegerField(null=True)
    made_by = _officer()
    made_at = models.DateTimeField(db_default=Now())

    @property
    def words(self) -> Words:
        """What kind of list it is."""
        return LIST_KINDS[self.kind]


class TaxRow(models.Model):
    """A person on a list of the tax office. The number is sealed as it is with the person."""

    tax_list = models.ForeignKey(TaxList, models.PROTECT, related_name="lines")
    area_path = PathField()
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="tax_rows")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    id_sealed = models.TextField()
    id_mask = models.CharField(max_length=30)
    fen = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["charge", "-id"], name="taxrow_latest")]


class ListFile(models.Model):
    """A table that somebody uploaded. The same content is taken once."""

    kind = models.CharField(max_length=10)
    area_path = PathField()
    year = models.IntegerField()
    name = models.CharField(max_length=120)
    digest = models.BinaryField()
    rows = models.IntegerField()
    fen = models.BigIntegerField(default=0)
    run_id = models.BigIntegerField(null=True)
    uploaded_by = _officer()
    uploaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["area_path", "kind", "year", "digest"], name="file_taken_once")]

    @property
    def words(self) -> Words:
        """What kind of file it is."""
        return FILE_KINDS[self.kind]


class ListRow(models.Model):
    """A row of such a table, without the full number; `outcome` is what became of it."""

    file = models.ForeignKey(ListFile, models.PROTECT, related_name="lines")
    area_path = PathField()
    place = models.IntegerField(help_text="0, 1, 2 … in the file")
    row = models.IntegerField(help_text="as the spreadsheet numbers it")
    name = models.CharField(max_length=60)
    id_hash = models.BinaryField()
    id_mask = models.CharField(max_length=30)
    cells = models.JSONField()
    outcome = models.CharField(max_length=10, blank=True)
    why = models.JSONField(default=dict, help_text="{zh, en}")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "place"], name="row_place")]
        indexes = [models.Index(fields=["id_hash"], name="listrow_number")]

    @property
    def shown_outcome(self) -> State:
        """What became of the row, as pages show it."""
        return ROW_OUTCOMES[self.outcome]


class Receipt(models.Model):
    """One payment that the tax office confirmed and that we know whose it is（缴费回执）. Its number counts once."""

    area_path = PathField()
    pooling = models.CharField(max_length=12, help_text="the pooling area, whose tax office numbers its receipts")
    year = models.IntegerField()
    number = models.CharField(max_length=60)
    row = models.OneToOneField(ListRow, models.PROTECT, related_name="receipt")
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="receipts")
    fen = models.BigIntegerField()
    paid_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pooling", "number"], name="receipt_counted_once"),
            models.CheckConstraint(condition=Q(fen__gt=0), name="receipt_above_zero"),
        ]


class Difference(models.Model):
    """A receipt that does not fit what we asked for; somebody decides."""

    area_path = PathField()
    year = models.IntegerField()
    kind = models.CharField(max_length=20)
    row = models.ForeignKey(ListRow, models.PROTECT, related_name="differences")
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, related_name="differences")
    charge = models.ForeignKey(Charge, models.PROTECT, null=True, related_name="differences")
    expected = models.BigIntegerField(null=True)
    found = models.BigIntegerField()
    recorded_at = models.DateTimeField(db_default=Now())
    decision = models.CharField(max_length=10, blank=True)
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["area_path", "year", "decision"], name="difference_open")]

    @property
    def words(self) -> Words:
        """What kind of difference it is."""
        return DIFFERENCES[self.kind]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The decisions that make sense."""
        return ALLOWED_DECISIONS[self.kind]


class Refund(models.Model):
    """Money to be paid back（退费）: proposed by one officer, approved by another, then put on a list."""

    area_path = PathField()
    year = models.IntegerField()
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="refunds")
    fen = models.BigIntegerField()
    reason = models.CharField(max_length=20)
    note = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, default="proposed")
    proposed_by = _officer()
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_why = models.CharField(max_length=200, blank=True)
    tax_list = models.ForeignKey(TaxList, models.PROTECT, null=True, related_name="refunds")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(fen__gt=0), name="refund_above_zero"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")), name="refund_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed") | Q(decided_by__isnull=False), name="refund_has_a_checker"
            ),
            models.UniqueConstraint(fields=["charge"], condition=Q(state="proposed"), name="one_open_refund"),
        ]

    if TYPE_CHECKING:
        proposed_by_id: int

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return REFUND_STATES[self.state]

    @property
    def reason_words(self) -> Words:
        """Why it is paid back."""
        return REFUND_REASONS[self.reason]


class Entry(models.Model):
    """One movement on a person's account. Added only; `sums` of the account follow by a trigger.

    `kind` is subsidy (below zero: taken back), received or refunded; each has its one cause.
    """

    charge = models.ForeignKey(Charge, models.PROTECT, related_name="entries")
    area_path = PathField()
    kind = models.CharField(max_length=10)
    fen = models.BigIntegerField()
    payer = models.CharField(max_length=40, blank=True)
    on = models.DateField()
    line = models.OneToOneField(SubsidyLine, models.PROTECT, null=True, related_name="entry")
    receipt = models.OneToOneField(Receipt, models.PROTECT, null=True, related_name="entry")
    refund = models.OneToOneField(Refund, models.PROTECT, null=True, related_name="entry")
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="subsidy", line__isnull=False, receipt=None, refund=None)
                | Q(kind="received", receipt__isnull=False, line=None, refund=None, fen__gt=0)
                | Q(kind="refunded", refund__isnull=False, line=None, receipt=None, fen__gt=0),
                name="entry_has_one_cause",
            )
        ]
        indexes = [models.Index(fields=["charge", "id"], name="entry_charge")]


class Double(models.Model):
    """Somebody insured twice at a time（重复参保）. Which of the two stays is decided by an officer."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    area_path = PathField()
    year = models.IntegerField()
    other_scheme = models.CharField(max_length=20)
    other_since = models.DateField(null=True)
    other_until = models.DateField(null=True)
    found_in = models.CharField(max_length=10, help_text="list or platform")
    recorded_at = models.DateTimeField(db_default=Now())
    keeps = models.CharField(max_length=5, blank=True)
    from_on = models.DateField(null=True, help_text="from which day the one that goes is ended")
    note = models.CharField(max_length=200, blank=True)
    decided_by = _officer(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "year", "other_scheme", "other_since"],
                nulls_distinct=False,
                name="double_opened_once",
            )
        ]
        indexes = [models.Index(fields=["area_path", "year"], name="double_area")]


class CoverQuerySet(models.QuerySet["Cover"]):
    """Covers, by what is believed now."""

    def live(self) -> CoverQuerySet:
        """Not withdrawn."""
        return self.filter(withdrawn_at=None)


class Cover(models.Model):
    """Supplementary insurance that somebody holds（补充保险、扶贫特惠保）. Corrected by withdrawing the row and adding another.

    `insurer` is the payer as the policies name it, `valid` half-open and never without an end: it is bought by the year.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="covers")
    area_path = PathField(help_text="where the person is insured")
    insurer = models.CharField(max_length=40)
    valid = DateRangeField()
    premium_fen = models.BigIntegerField(null=True, help_text="premium for the whole period; null: not known")
    paid_by = models.CharField(max_length=10)
    document = models.CharField(max_length=100, help_text="policy, list or letter that says so")
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = _officer(null=True)
    withdrawn_why = models.CharField(max_length=200, blank=True)

    objects = CoverQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_cover_at_a_time",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    ("insurer", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                condition=Q(withdrawn_at=None),
            ),
            models.CheckConstraint(
                condition=Q(valid__isempty=False, valid__lower_inf=False, valid__upper_inf=False), name="cover_has_days"
            ),
            models.CheckConstraint(condition=Q(premium_fen__gte=0), name="cover_premium_not_negative"),
            models.CheckConstraint(condition=Q(paid_by__in=list(PAID_BY)), name="cover_paid_by_somebody"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | ~Q(withdrawn_why=""), name="cover_withdrawn_for_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["area_path", "-id"], name="cover_area")]

    if TYPE_CHECKING:
        person_id: int

    @property
    def last_day(self) -> date:
        """The last insured day."""
        return self.valid.upper - timedelta(days=1)
