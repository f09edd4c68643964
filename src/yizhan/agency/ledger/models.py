"""Books, accounts, entries and postings: double entry in fen, debits positive, never changed.

Every fund and every institution has a book of its own, and the postings of an entry sum to zero in each book that it
touches: what is said twice is said twice within one book, so funds cannot mix. Books and accounts are reference data whose
keys are made from what they stand for; they are written when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import Area, Institution, PathField

FUND_ACCOUNTS = {
    "cash": Words("货币资金", "cash"),
    "benefit": Words("待遇支出", "benefit expense"),
    "to_hospital": Words("应付医疗机构", "payable to institutions"),
    "to_person": Words("应付个人", "payable to persons"),
    "advance_given": Words("应收垫付款", "advances to other funds"),
    "advance_owed": Words("应付垫付款", "owed to other funds for advances"),
    "income_premium": Words("保费收入", "premium income"),
    "income_subsidy": Words("上级财政补助收入", "subsidies from the state and the province"),
    "income_city": Words("市级承担收入", "the city's share"),
    "income_county": Words("县（市、区）承担收入", "the counties' shares"),
    "income_other": Words("其他收入", "other income"),
    "transfer_in": Words("上下级划入", "transfers in between levels"),
    "transfer_out": Words("上下级划出", "transfers out between levels"),
}
HOSPITAL_ACCOUNTS = {
    "billed": Words("医疗费用", "bills"),
    "from_funds": Words("应收各基金", "receivable from funds"),
    "held": Words("待评审", "waiting for review"),
    "borne": Words("本机构减免", "waived by the institution"),
    "patient": Words("应收个人", "receivable from patients"),
    "cash": Words("已收款项", "money received"),
}
INCOMES = tuple(kind for kind in FUND_ACCOUNTS if kind.startswith("income_"))
SHARES = {"income_city": "city", "income_county": "county"}
"""Incomes that a level of government owes to a fund by the document that set it up（江门 二（三）：市和各市、区共同承担）→ that level."""

NO_FUNDS = ("定点医疗机构", "定点零售药店")
"""Payers of the policies that are the institution itself: what it waives stands in its own book."""

ACCOUNTS = {"fund": FUND_ACCOUNTS, "hospital": HOSPITAL_ACCOUNTS}
"""The chart of accounts, by kind of book."""


class State(NamedTuple):
    """A state as pages show it: words, and a tone (good, wait, bad, plain)."""

    words: Words
    tone: str


class Book(models.Model):
    """The books of one fund of a pooling area, or of one institution（账套）."""

    id = models.BigIntegerField(primary_key=True, help_text="made from what the book stands for")
    kind = models.CharField(max_length=10)
    area_path = PathField(blank=True, help_text="of a fund: the pooling area")
    payer = models.CharField(max_length=40, blank=True, help_text="of a fund: its name in the policies")
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="fund", institution=None) & ~Q(payer="")
                | Q(kind="hospital", institution__isnull=False),
                name="book_of_a_fund_or_an_institution",
            ),
            models.UniqueConstraint(fields=["area_path", "payer"], name="one_book_a_fund", condition=Q(kind="fund")),
            models.UniqueConstraint(
                fields=["institution"], name="one_book_an_institution", condition=Q(kind="hospital")
            ),
        ]

    if TYPE_CHECKING:
        institution_id: int | None


class Account(models.Model):
    """One account of a book（科目）."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="accounts")
    kind = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "kind"], name="one_account_a_kind")]

    if TYPE_CHECKING:
        book_id: int


class Entry(models.Model):
    """What one document came to in the books（凭证）: all its postings, written at once."""

    document_kind = models.CharField(max_length=20)
    document_id = models.BigIntegerField()
    on = models.DateField()
    person_id = models.BigIntegerField(null=True)
    institution_id = models.BigIntegerField(null=True)
    area_path = PathField()
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document_kind", "document_id"], name="one_entry_a_document")]


class Posting(models.Model):
    """One line of an entry（分录）. `area_path` is that of the person or, without one, of the book."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="postings")
    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="postings")
    person_id = models.BigIntegerField(null=True)
    institution_id = models.BigIntegerField(null=True, help_text="whose book it stands in; null for a fund's")
    area_path = PathField()
    on = models.DateField()
    fen = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(fen=0), name="posting_moves_money")]
        indexes = [
            models.Index(fields=["account", "on"], name="posting_account"),
            models.Index(fields=["person_id", "account"], name="posting_person"),
        ]

    if TYPE_CHECKING:
        entry_id: int
        account_id: int


class Balance(models.Model):
    """The money that a fund has. Changed by movements only, which lock it; never below zero."""

    book = models.OneToOneField(Book, models.PROTECT, primary_key=True, related_name="balance")
    fen = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(fen__gte=0), name="fund_not_overdrawn")]


class Movement(models.Model):
    """Money into or out of a fund（拨款、支付、划转）, proposed by one officer and approved by another."""

    KINDS = {
        "receipt": Words("收入", "receipt"),
        "to_hospital": Words("支付医疗机构", "payment to an institution"),
        "to_person": Words("支付个人", "payment to a person"),
        "from_hospital": Words("医疗机构退回", "repayment by an institution"),
        "from_person": Words("个人退回", "repayment by a person"),
        "clear_advance": Words("归还垫付", "clearing of an advance"),
        "return_advance": Words("退回多还的垫付", "return of what was cleared too much"),
        "between_levels": Words("同一基金上下级划转", "transfer between levels of one fund"),
    }
    STATES = {
        "proposed": State(Words("待复核", "to be approved"), "wait"),
        "approved": State(Words("已入账", "posted"), "good"),
        "rejected": State(Words("已退回", "rejected"), "bad"),
    }

    kind = models.CharField(max_length=20)
    book = models.ForeignKey(Book, models.PROTECT, related_name="movements", help_text="whose money it is")
    other = models.ForeignKey(
        Book, models.PROTECT, null=True, related_name="+", help_text="the other fund or institution"
    )
    income = models.CharField(max_length=20, blank=True, help_text="of a receipt: which income")
    giver = models.ForeignKey(
        Area, models.PROTECT, null=True, related_name="+", help_text="of a share: the city or county that bears it"
    )
    person_id = models.BigIntegerField(null=True)
    fen = models.BigIntegerField()
    on = models.DateField()
    document = models.CharField(max_length=100)
    why = models.CharField(max_length=200)
    area_path = PathField()
    state = models.CharField(max_length=10, default="proposed")
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(fen__gt=0), name="movement_moves_money"),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by=None, decided_at=None)
                | (Q(state__in=["approved", "rejected"], decided_by__isnull=False, decided_at__isnull=False) & ~Q(decided_by=F("made_by"))),
                name="movement_two_persons",
            ),
            models.CheckConstraint(
                condition=Q(income__in=list(SHARES), giver__isnull=False) | (~Q(income__in=list(SHARES)) & Q(giver=None)),
                name="share_has_a_giver",
            ),
            models.CheckConstraint(
                condition=Q(kind="receipt", income__in=list(INCOMES)) | (~Q(kind="receipt") & Q(income="")),
                name="receipt_is_some_income",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["to_person", "from_person"], person_id__isnull=False)
                | (~Q(kind__in=["to_person", "from_person"]) & Q(person_id=None)),
                name="paid_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "receipt", "to_hospital", "to_person", "from_hospital", "from_person", "clear_advance", "return_advance",
                        "between_levels",
                    ]
                ),
                name="known_movement",
            ),
        ]  # fmt: skip

    if TYPE_CHECKING:
        book_id: int
        other_id: int | None
        made_by_id: int

    @property
    def kind_words(self) -> Words:
        """What it is."""
        return self.KINDS[self.kind]

    @property
    def shown_state(self) -> State:
        """Where it stands."""
        return self.STATES[self.state]
