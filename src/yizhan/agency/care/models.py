"""Visits, bill lines, settlements and what patients pay.

A visit is what a hospital did; it may be changed until it is settled. A settlement is never changed: whatever happens to it
later is a further row that `replaces` it, with whole new values, so that the rows of a visit form one chain and its last row
is what holds. A chain that ends in `reversed` holds nothing, and the visit may be changed and settled again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.jobs.models import State
from yizhan.agency.people.models import Person
from yizhan.agency.staff.models import Institution, PathField

KINDS = {
    "settled": Words("结算", "settled"),
    "corrected": Words("更正后结算", "settled after a correction"),
    "resettled": Words("重新结算", "settled anew"),
    "released": Words("评审后结算", "settled after review"),
    "replayed": Words("前单变动后重算", "recomputed after an earlier bill changed"),
    "reversed": Words("撤销", "reversed"),
}
"""What a row of a chain came from."""

SOURCES = {
    "window": Words("窗口", "window"),
    "manual": Words("手工报销", "paper bill"),
    "import": Words("以往账单", "past bill"),
    "gateway": Words("医院接口", "hospital interface"),
}
"""How a visit came in."""

STATES = {
    "planned": Words("预约入院", "planned admission"),
    "admitted": Words("就诊中", "under treatment"),
    "discharged": Words("已出院，待结算", "discharged, to settle"),
    "proposed": Words("待复核", "to be approved"),
    "cancelled": Words("已取消", "cancelled"),
}


def _officer(**options: object) -> models.ForeignKey[object, object]:
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", **options)  # type: ignore[arg-type]


class VisitQuerySet(models.QuerySet["Visit"]):
    """Visits."""

    def settled(self) -> VisitQuerySet:
        """With a settlement that holds."""
        return self.filter(Exists(Settlement.objects.live().filter(visit=OuterRef("pk"))))

    def unsettled(self) -> VisitQuerySet:
        """Without one."""
        return self.filter(~Exists(Settlement.objects.live().filter(visit=OuterRef("pk"))))


class Visit(models.Model):
    """One stay or visit at an institution（就诊）.

    `institution` is null for care elsewhere whose paper bill is reimbursed by hand; `facts` then names the hospital.
    `facts` are those of engine.facts that somebody stated; what filings, agreements and areas tell is derived anew each
    time. `amounts` holds the pots of a bill that has no lines here (docs/settle.md: amounts, amounts_by_year, charges, given).
    """

    number = models.CharField(max_length=40, help_text="the institution's own number of the visit")
    institution = models.ForeignKey(Institution, models.PROTECT, null=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="visits")
    area_path = PathField(help_text="the area that answered for the person when the visit was registered")
    care = models.CharField(max_length=20)
    admitted_on = models.DateField()
    discharged_on = models.DateField(null=True)
    state = models.CharField(max_length=12)
    department = models.CharField(max_length=60, blank=True)
    doctor = models.CharField(max_length=60, blank=True)
    bed = models.CharField(max_length=20, blank=True)
    diagnoses = ArrayField(
        models.CharField(max_length=100), default=list, help_text="ICD-10 code and name, the main one first"
    )
    facts = models.JSONField(default=dict)
    amounts = models.JSONField(null=True)
    continues = models.OneToOneField("self", models.PROTECT, null=True, related_name="continued_by")
    source = models.CharField(max_length=10)
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer(null=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "number"], name="one_visit_a_number", condition=Q(institution__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["person", "number"], name="one_paper_bill_a_number", condition=Q(institution__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(discharged_on=None) | Q(discharged_on__gte=F("admitted_on")),
                name="discharged_after_admission",
            ),
            models.CheckConstraint(condition=Q(state__in=list(STATES)), name="known_visit_state"),
            models.CheckConstraint(
                condition=~Q(state="discharged") | Q(discharged_on__isnull=False), name="discharged_on_a_day"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "admitted_on"], name="visit_person"),
            models.Index(fields=["institution", "state", "-admitted_on"], name="visit_institution"),
            models.Index(fields=["area_path", "-id"], name="visit_area"),
        ]

    if TYPE_CHECKING:
        person_id: int
        institution_id: int | None
        continues_id: int | None
        made_by_id: int | None
        persons: list[int]

    approved_years: Sequence[int] = ()
    """Policy years for which an `AssistanceApproval` of the person stands; `settling.read_visit` asks."""

    @property
    def state_words(self) -> Words:
        """Where the visit stands."""
        return STATES[self.state]

    @property
    def where(self) -> str:
        """The institution, or what the papers of a bill from elsewhere call it."""
        return self.institution.name if self.institution else str(self.facts.get("institution", "–"))


class BillLine(models.Model):
    """One line of a bill（费用明细）, split into pots when it was entered, by the catalogue in force on its day.

    Quantity and price are integers of 1/10,000. A refund is a line with a negative quantity and negative amounts.
    """

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="lines")
    person = models.ForeignKey(Person, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT, db_constraint=False, null=True, db_index=False)
    area_path = PathField()
    position = models.IntegerField()
    on = models.DateField()
    code = models.CharField(max_length=50, help_text="the hospital's own, or the national one")
    name = models.CharField(max_length=200)
    national_code = models.CharField(max_length=50, blank=True)
    category = models.CharField(max_length=10, help_text="national fee category")
    quantity = models.BigIntegerField()
    price = models.BigIntegerField()
    amount_fen = models.BigIntegerField()
    in_scope = models.BigIntegerField()
    first_pay = models.BigIntegerField()
    over_limit = models.BigIntegerField()
    own = models.BigIntegerField()
    charge = models.CharField(max_length=20, blank=True, help_text="one of engine.facts.CHARGES")
    own_signed = models.BooleanField(default=False, help_text="the patient signed for paying it alone")
    special_drug = models.BooleanField(default=False)
    why = models.JSONField(default=dict, help_text="how it was split (providers.splitting)")
    added_at = models.DateTimeField(db_default=Now())
    added_by = _officer(null=True, db_constraint=False, db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["visit", "position"], name="one_line_a_position"),
            models.CheckConstraint(
                condition=Q(amount_fen=F("in_scope") + F("first_pay") + F("over_limit") + F("own")),
                name="pots_sum_to_line",
            ),
        ]

    if TYPE_CHECKING:
        visit_id: int


class SettlementQuerySet(models.QuerySet["Settlement"]):
    """Settlements."""

    def latest_rows(self) -> SettlementQuerySet:
        """The last row of each chain."""
        return self.filter(~Exists(Settlement.objects.filter(replaces=OuterRef("pk"))))

    def live(self) -> SettlementQuerySet:
        """What holds: the last rows that are not reversals."""
        return self.latest_rows().exclude(kind="reversed")


class Settlement(models.Model):
    """One bill as it was settled（结算）, or what became of it later. Never changed; replaced by a further row of its visit.

    `ordinal` is the id of the row by which the visit was settled: with `settled_on` it gives the bill's place in the
    person's year, and later rows of the same settling keep it. `known_at` is the instant whose knowledge decided.
    `person_fen` is what went (positive) or is owed (negative) directly between funds and the person because of later
    changes; the rest of `paid_fen` goes through the institution.
    """

    repeated = False
    """Whether it is the first answer to a message that came again. Not kept: `settle` says it of what it returns."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="settlements")
    area_path = PathField(help_text="the area that answered for the person on that day")
    visit = models.ForeignKey(Visit, models.PROTECT, related_name="settlements")
    institution = models.ForeignKey(Institution, models.PROTECT, null=True)
    kind = models.CharField(max_length=10)
    replaces = models.OneToOneField("self", models.PROTECT, null=True, related_name="replaced_by")
    ordinal = models.BigIntegerField()
    message_id = models.CharField(max_length=60, blank=True)
    message_digest = models.CharField(max_length=64, blank=True)
    care = models.CharField(max_length=20)
    department = models.CharField(max_length=60, blank=True)
    admitted_on = models.DateField()
    discharged_on = models.DateField()
    identity_on = models.DateField(help_text="day on which the identities count")
    settled_on = models.DateField(help_text="day of the bill in the order of the year")
    identities = ArrayField(models.CharField(max_length=30), help_text="those that were taken into account")
    total_fen = models.BigIntegerField()
    paid_fen = models.BigIntegerField()
    held_fen = models.BigIntegerField(default=0, help_text="the part of paid_fen that waits for a review")
    person_fen = models.BigIntegerField(default=0)
    patient_fen = models.BigIntegerField()
    payment_count = models.IntegerField(default=0, help_text="how many payments it has: none is added later")
    claim = models.JSONField(help_text="the claim as docs/settle.md describes it")
    beneficiary = models.JSONField(help_text="the person as docs/settle.md describes one, as known then")
    result = models.JSONField(help_text="the settlement as docs/settle.md describes it")
    categories = models.JSONField(
        default=list,
        help_text="its lines by national fee category: [[code, in_scope, first_pay, over_limit, own], …] in fen",
    )
    years = ArrayField(models.IntegerField(), help_text="policy years that it falls into")
    states = models.JSONField(help_text="each of these years after it")
    filings = ArrayField(models.BigIntegerField(), default=list, help_text="filings that were looked at")
    digest = models.CharField(max_length=16, help_text="of the policies that it was settled by")
    why = models.CharField(max_length=200, blank=True)
    known_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = _officer(null=True)

    objects = SettlementQuerySet.as_manager()

    class Meta:
        constraints = [
            # Together with replaces being unique: the rows of a visit are one chain, so one of them is the last.
            models.UniqueConstraint(fields=["visit"], name="one_chain_a_visit", condition=Q(replaces=None)),
            models.UniqueConstraint(
                fields=["person", "institution", "message_id"], name="one_answer_a_message", condition=~Q(message_id=""),
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="known_settlement_kind"),
            models.CheckConstraint(condition=Q(total_fen=F("paid_fen") + F("patient_fen")), name="parts_sum_to_bill"),
            models.CheckConstraint(
                condition=Q(paid_fen__gte=0, patient_fen__gte=0, held_fen__gte=0, held_fen__lte=F("paid_fen")),
                name="no_negative_part",
            ),
            models.CheckConstraint(condition=~Q(kind="reversed") | Q(total_fen=0, person_fen=0), name="reversed_is_nothing"),
            models.CheckConstraint(condition=~Q(kind="reversed") | Q(replaces__isnull=False), name="reverses_something"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["person", "settled_on", "ordinal"], name="settlement_person"),
            models.Index(fields=["area_path", "-id"], name="settlement_area"),
            models.Index(fields=["institution", "-id"], name="settlement_institution"),
        ]

    if TYPE_CHECKING:
        person_id: int
        visit_id: int
        institution_id: int | None
        replaces_id: int | None
        recorded_by_id: int | None

    @property
    def kind_words(self) -> Words:
        """What this row came from."""
        return KINDS[self.kind]

    @property
    def due_fen(self) -> int:
        """What the institution asks of the patient: the bill less what the funds pay or will pay through it."""
        return self.total_fen - (self.paid_fen - self.person_fen)


class SettlementPayment(models.Model):
    """What one payer pays of one settlement in one layer and year（支付）. Fen; the tilt stands apart from the normal payment."""

    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="payments")
    person = models.ForeignKey(Person, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT, db_constraint=False, null=True, db_index=False)
    area_path = PathField()
    position = models.IntegerField()
    layer = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=10, blank=True)
    payer = models.CharField(max_length=40)
    year = models.IntegerField()
    amount_fen = models.BigIntegerField()
    normal_fen = models.BigIntegerField()
    tilt_fen = models.BigIntegerField()
    person_fen = models.BigIntegerField(
        default=0, help_text="the part that went directly to the person; negative: is owed"
    )
    held = models.BooleanField(default=False)
    advanced_by = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settlement", "position"], name="one_payment_a_position"),
            models.CheckConstraint(condition=Q(amount_fen=F("normal_fen") + F("tilt_fen")), name="normal_and_tilt"),
            models.CheckConstraint(condition=Q(amount_fen__gte=0, normal_fen__gte=0, tilt_fen__gte=0), name="payment_not_negative"),
        ]  # fmt: skip

    if TYPE_CHECKING:
        settlement_id: int


class Printing(models.Model):
    """That a bill was printed（打印）: the second and later ones say so on the paper."""

    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="printings")
    institution = models.ForeignKey(Institution, models.PROTECT, db_constraint=False, null=True, db_index=False)
    area_path = PathField()
    lang = models.CharField(max_length=2)
    at = models.DateTimeField(db_default=Now())
    by = _officer(null=True)


class PatientPayment(models.Model):
    """Money between a patient and an institution（个人缴费）: positive to the institution, negative back to the patient."""

    KINDS = {
        "deposit": Words("预交金", "deposit"),
        "payment": Words("缴费", "payment"),
        "refund": Words("退款", "refund"),
    }
    METHODS = {
        "cash": Words("现金", "cash"),
        "card": Words("银行卡", "bank card"),
        "mobile": Words("移动支付", "mobile payment"),
        "other": Words("其他", "other"),
    }

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="patient_payments")
    person = models.ForeignKey(Person, models.PROTECT, db_constraint=False, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT)
    area_path = PathField()
    kind = models.CharField(max_length=10)
    method = models.CharField(max_length=10)
    receipt = models.CharField(max_length=40, help_text="number of the receipt, the institution's own")
    message_id = models.CharField(max_length=60, blank=True, db_default="", help_text="number of a page's confirmation")
    on = models.DateField()
    fen = models.BigIntegerField()
    why = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = _officer(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["institution", "receipt"], name="one_payment_a_receipt"),
            models.UniqueConstraint(
                fields=["visit", "message_id"], condition=~Q(message_id=""), name="one_payment_a_confirmation"
            ),
            models.CheckConstraint(
                condition=Q(kind="refund", fen__lt=0) | (~Q(kind="refund") & Q(fen__gt=0)), name="refund_is_negative"
            ),
        ]

    if TYPE_CHECKING:
        visit_id: int
        institution_id: int


# --- What the bureau does with settled bills --------------------------------------------------------------------------

RESETTLEMENT_STATES = {
    "computing": State("测算中", "being computed", "wait"),
    "proposed": State("待复核", "to be approved", "wait"),
    "approved": State("核定，办理中", "approved, being carried out", "wait"),
    "done": State("已办结", "done", "good"),
    "rejected": State("已退回", "sent back", "bad"),
    "withdrawn": State("已撤回", "withdrawn", "plain"),
}

LINE_STATES = {
    "open": State("待办理", "to be carried out", "wait"),
    "done": State("已重新结算", "settled anew", "good"),
    "unchanged": State("没有差额", "no difference", "plain"),
    "problem": State("不能测算", "cannot be computed", "bad"),
    "changed": State("差额已变，未办", "difference changed, not done", "bad"),
    "dropped": State("未办", "not done", "plain"),
}


class Resettlement(models.Model):
    """A batch of bills to be settled anew（重新结算）: computed, looked at, approved by a second person, carried out.

    `selection` says which bills were asked for: {"kind": "roster" | "touched" | "persons" | "period", …}.
    """

    area_path = PathField()
    why = models.CharField(max_length=200)
    document = models.CharField(max_length=120, blank=True, help_text="the document that changed the facts")
    selection = models.JSONField()
    asked = models.JSONField(default=list, help_text="[[person, [settlement, …]], …]: whom the computation looks at")
    state = models.CharField(max_length=10, default="computing")
    compute_run_id = models.BigIntegerField(null=True)
    carry_run_id = models.BigIntegerField(null=True)
    sums = models.JSONField(default=dict, help_text="bills, persons, due and owed in fen, by fund; when computed")
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer()
    decided_at = models.DateTimeField(null=True)
    decided_by = _officer(null=True)
    decided_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(RESETTLEMENT_STATES)), name="known_resettlement_state"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("made_by")), name="resettlement_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "done", "rejected"]) | Q(decided_by__isnull=False),
                name="resettlement_has_a_checker",
            ),
        ]
        indexes = [models.Index(fields=["area_path", "-id"], name="resettlement_area")]

    if TYPE_CHECKING:
        made_by_id: int
        decided_by_id: int | None

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return RESETTLEMENT_STATES[self.state]


class ResettlementLine(models.Model):
    """What one bill of a batch would come to. Amounts stay as they were computed; only what became of the line changes."""

    batch = models.ForeignKey(Resettlement, models.PROTECT, related_name="lines")
    area_path = PathField()
    person = models.ForeignKey(Person, models.PROTECT, related_name="+", help_text="the kept one of merged records")
    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="+", help_text="the row that holds")
    follows = models.BooleanField(default=False, help_text="not asked for; changes because an earlier bill does")
    identities_was = ArrayField(models.CharField(max_length=30), default=list)
    identities_now = ArrayField(models.CharField(max_length=30), default=list)
    paid_was = models.BigIntegerField()
    paid_now = models.BigIntegerField()
    patient_was = models.BigIntegerField()
    patient_now = models.BigIntegerField()
    difference_fen = models.BigIntegerField(default=0, help_text="what the patient is better off by; negative: owes")
    changes = models.JSONField(default=dict, help_text='"layer payer" → what it pays more, in fen')
    problems = models.JSONField(default=list, help_text="[{code, zh, en}]: why it cannot be computed or carried out")
    state = models.CharField(max_length=10, default="open")
    new_settlement = models.ForeignKey(Settlement, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settlement"], condition=Q(state="open"), name="one_open_batch_a_bill"),
            models.UniqueConstraint(fields=["batch", "settlement"], name="one_line_a_bill"),
            models.CheckConstraint(condition=Q(state__in=list(LINE_STATES)), name="known_resettlement_line"),
            models.CheckConstraint(
                condition=Q(difference_fen=F("patient_was") - F("patient_now")), name="difference_is_of_patient"
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "state"], name="resettlement_line_state"),
            models.Index(fields=["settlement", "-made_at"], name="resettlement_line_bill"),
        ]

    if TYPE_CHECKING:
        batch_id: int
        person_id: int
        settlement_id: int

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return LINE_STATES[self.state]


FINDING_STATES = {
    "proposed": State("待复核", "to be decided", "wait"),
    "decided": State("认定恶意拖欠", "wilful default", "bad"),
    "rejected": State("不予认定", "not found", "plain"),
    "withdrawn": State("已撤销认定", "withdrawn", "good"),
    "lapsed": State("结算已撤销，失效", "lapsed: the bill was reversed", "plain"),
}


class DefaultFinding(models.Model):
    """That a patient wilfully did not pay the own share of a bill（恶意拖欠认定）: proposed with evidence, decided by another.

    `due_fen` and `arrears_fen` are those of the day of the proposal, before the finding made the patient owe more.
    """

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="default_findings")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT)
    area_path = PathField()
    state = models.CharField(max_length=10, default="proposed")
    evidence = models.CharField(max_length=500)
    due_fen = models.BigIntegerField()
    arrears_fen = models.BigIntegerField()
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer()
    decided_at = models.DateTimeField(null=True)
    decided_by = _officer(null=True)
    decided_why = models.CharField(max_length=200, blank=True)
    cost_fen = models.BigIntegerField(default=0, help_text="what the funds pay less because of it")
    ended_at = models.DateTimeField(null=True)
    ended_by = _officer(null=True)
    ended_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(FINDING_STATES)), name="known_finding_state"),
            models.CheckConstraint(condition=Q(arrears_fen__gt=0), name="finding_of_arrears"),
            models.CheckConstraint(
                condition=(Q(decided_by=None) | ~Q(decided_by=F("made_by"))) & (Q(ended_by=None) | ~Q(ended_by=F("made_by"))),
                name="finding_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "lapsed"]) | Q(decided_by__isnull=False), name="finding_has_a_checker"
            ),
            models.UniqueConstraint(
                fields=["visit"], condition=Q(state__in=["proposed", "decided"]), name="one_finding_a_visit"
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["institution", "-id"], name="finding_institution")]

    if TYPE_CHECKING:
        visit_id: int
        person_id: int
        made_by_id: int

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return FINDING_STATES[self.state]


class AssistanceApproval(models.Model):
    """That a person's application for assistance was approved for a policy year（救助申请批准）. Ended, not changed.

    As long as it stands, every bill of the year is settled with `application: approved`, however often（湘潭 三（二）5 读法：
    批准以后，当年各单按已批准重算、补付）. `visit` is the bill on whose account it was applied for, `registered_by` who registered
    that one: not who approves.
    """

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="approvals")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT, null=True)
    area_path = PathField()
    year = models.IntegerField(help_text="the policy year of the bill, by its area's choices")
    document = models.CharField(max_length=120, help_text="number of the approval")
    why = models.CharField(max_length=200)
    registered_by = _officer(null=True)
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer()
    ended_at = models.DateTimeField(null=True)
    ended_by = _officer(null=True)
    ended_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "year"], condition=Q(ended_at=None), name="one_approval_a_year"),
            models.CheckConstraint(condition=~Q(document="") & ~Q(why=""), name="approval_has_a_document"),
            models.CheckConstraint(
                condition=Q(registered_by=None) | ~Q(registered_by=F("made_by")), name="approval_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by=None, ended_why="")
                | (Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(ended_why="")),
                name="approval_ended_by_somebody",
            ),
        ]

    if TYPE_CHECKING:
        visit_id: int
        person_id: int
        made_by_id: int


PAPER_STATES = {
    "draft": State("待送复核", "draft", "plain"),
    "proposed": State("待复核", "to be approved", "wait"),
    "approved": State("已核定结算", "approved and settled", "good"),
    "returned": State("退回修改", "sent back", "bad"),
    "rejected": State("不予报销", "rejected", "bad"),
}


class PaperBill(models.Model):
    """A bill on paper of a hospital elsewhere（手工报销）: what the officer states besides the visit, and who decided.

    `direct_why` and `twice_why` say why a bill is taken although its hospital settles directly, or a similar one is there.
    """

    visit = models.OneToOneField(Visit, models.PROTECT, related_name="paper")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    area_path = PathField()
    invoice = models.CharField(max_length=60, help_text="number of the invoice")
    hospital = models.CharField(max_length=100)
    hospital_code = models.CharField(max_length=20, blank=True)
    direct_why = models.CharField(max_length=200, blank=True)
    twice_why = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, default="draft")
    made_at = models.DateTimeField(db_default=Now())
    made_by = _officer()
    sent_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = _officer(null=True)
    decided_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(PAPER_STATES)), name="known_paper_state"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("made_by")), name="paper_maker_is_not_checker"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "returned", "rejected"]) | Q(decided_by__isnull=False),
                name="paper_has_a_checker",
            ),
        ]
        indexes = [models.Index(fields=["area_path", "-id"], name="paper_area")]

    if TYPE_CHECKING:
        visit_id: int
        person_id: int
        made_by_id: int

    @property
    def shown_state(self) -> State:
        """The state as pages show it."""
        return PAPER_STATES[self.state]


class PaperFile(models.Model):
    """A picture of an invoice or a list of charges, sealed."""

    bill = models.ForeignKey(PaperBill, models.PROTECT, related_name="files")
    area_path = PathField()
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, help_text="media type")
    bytes = models.IntegerField()
    sealed = models.TextField()
    added_at = models.DateTimeField(db_default=Now())
    added_by = _officer()
