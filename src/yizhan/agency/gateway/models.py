"""Who may call, what was said and answered, and what the interface speaks of and the rest of the platform does not.

Messages hold persons' data as they came: request and answer are sealed, and only their numbers stand beside them in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from yizhan.agency.care.models import Settlement, Visit
from yizhan.agency.desk.words import Words
from yizhan.agency.staff.models import Institution, PathField

MESSAGE = "gateway.message"
"""Purpose of the seals of requests and answers."""

PROFILES = {
    "none": Words("不验签（仅本机或内网）", "no signature (this machine or the internal net only)"),
    "csb": Words("服务总线 AccessKey（HMAC-SHA1）", "service bus access key (HMAC-SHA1)"),
    "tif": Words("x-tif 令牌（SHA-256）", "x-tif token (SHA-256)"),
    "ca": Words("x-ca 密钥（HMAC-SM3）", "x-ca key (HMAC-SM3)"),
    "token": Words("OAuth2 令牌、SM2 签名、SM4 加密", "OAuth2 token, SM2 signature, SM4 body"),
}
"""How a hospital's system shows who it is."""

SIGN_CHECKS = {
    "off": Words("不核对签到编号", "sign-in number not checked"),
    "known": Words("签到编号必须有效", "the sign-in number has to be one of ours"),
    "operator": Words("签到编号必须是当日本操作员的", "the sign-in number has to be the operator's, of the day"),
}


class Caller(models.Model):
    """A hospital's system that may call（接入机构）. The former key holds until `former_until`, so that a change breaks nothing."""

    institution = models.OneToOneField(Institution, models.PROTECT, related_name="caller")
    area_path = PathField()
    profile = models.CharField(max_length=10)
    key_id = models.CharField(max_length=40, blank=True, help_text="access key, paasid or client id")
    secret_sealed = models.TextField(blank=True)
    former_sealed = models.TextField(blank=True)
    former_until = models.DateTimeField(null=True)
    public_key = models.TextField(blank=True, help_text="SM2 public key of the hospital, in hexadecimal")
    sign_check = models.CharField(max_length=10, default="off")
    a_second = models.IntegerField(default=100, help_text="messages a second")
    at_once = models.IntegerField(default=8, help_text="messages in work at the same time")
    code_as_text = models.BooleanField(default=False, help_text="infcode is written as text")
    is_active = models.BooleanField(default=True)
    made_at = models.DateTimeField(db_default=Now())
    keyed_at = models.DateTimeField(db_default=Now(), help_text="since when the present key holds")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(profile__in=list(PROFILES)), name="known_profile"),
            models.CheckConstraint(condition=Q(sign_check__in=list(SIGN_CHECKS)), name="known_sign_check"),
            models.CheckConstraint(
                condition=Q(profile="none") | ~Q(secret_sealed=""), name="a_profile_with_a_key_has_one"
            ),
        ]


class SignIn(models.Model):
    """An operator who signed in（签到）."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    area_path = PathField()
    operator = models.CharField(max_length=50)
    number = models.CharField(max_length=30, unique=True)
    address = models.CharField(max_length=60, blank=True, help_text="ip and mac, as the hospital's system says")
    at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)


class Nonce(models.Model):
    """A nonce that a message carried, kept for a while: it is good for that message only."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    nonce = models.CharField(max_length=64)
    msgid = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["institution", "nonce"], name="one_message_a_nonce")]


class Token(models.Model):
    """A token given to a caller（OAuth2）, known by its digest."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    area_path = PathField()
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()


class Message(models.Model):
    """A message and its answer（报文）. Never changed. One that was taken uses up its number; one that was refused does not,
    since it left nothing behind.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    infno = models.CharField(max_length=8)
    msgid = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, help_text="of what it asks (envelope.said)")
    taken = models.BooleanField()
    codes = models.JSONField(default=list, help_text="of the refusals")
    person_id = models.BigIntegerField(null=True)
    visit_id = models.BigIntegerField(null=True)
    operator = models.CharField(max_length=50, blank=True)
    operator_name = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=30, help_text="inf_refmsgid")
    request_sealed = models.TextField()
    answer_sealed = models.TextField(blank=True, help_text="of a refused one what was found, in both languages")
    received_at = models.DateTimeField()
    milliseconds = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "msgid"], condition=Q(taken=True), name="one_answer_a_message_number"
            )
        ]
        indexes = [
            models.Index(fields=["institution", "-id"], name="message_institution"),
            models.Index(
                fields=["institution", "person_id"], name="message_looked_up", condition=Q(infno="1101", taken=True)
            ),
        ]


class Voided(models.Model):
    """A message number that was reversed（冲正）: whatever comes under it later is not taken."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    msgid = models.CharField(max_length=40)
    message_id = models.BigIntegerField(help_text="the message that reversed it")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["institution", "msgid"], name="voided_once")]


class Told(models.Model):
    """What a hospital's system said of a visit in words that only the interface has.

    `mdtrt` is the number by which the hospital calls the whole stay: parts that a settlement mid-stay cut share it.
    """

    visit = models.OneToOneField(Visit, models.PROTECT, primary_key=True, related_name="told")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    mdtrt = models.BigIntegerField()
    number = models.CharField(max_length=30, help_text="ipt_no or ipt_otp_no")
    insutype = models.CharField(max_length=6, blank=True)
    med_type = models.CharField(max_length=10)
    cert_type = models.CharField(max_length=3, blank=True)
    more = models.JSONField(default=dict, help_text="what is asked back or checked later: ways of leaving, doctors")

    class Meta:
        indexes = [models.Index(fields=["institution", "mdtrt"], name="told_mdtrt")]

    if TYPE_CHECKING:
        visit_id: int


class Change(models.Model):
    """What a message changed of a visit（变更）, so that a reversal can put it back: name → [before, after].

    Names of `Told` stand behind “told.”. `undoes` is the change that this one put back.
    """

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    area_path = PathField()
    message_id = models.BigIntegerField()
    changed = models.JSONField()
    undoes = models.OneToOneField("self", models.PROTECT, null=True, related_name="undone_by")


class Line(models.Model):
    """Under which number the hospital uploaded a bill line（费用明细流水号）."""

    visit = models.ForeignKey(Visit, models.PROTECT, related_name="+", db_index=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    area_path = PathField()
    sn = models.CharField(max_length=30)
    position = models.IntegerField()
    batch = models.CharField(max_length=30, blank=True, help_text="the charging that it belongs to（收费批次）")
    returns = models.CharField(max_length=30, blank=True, help_text="number of the line that it returns")
    message_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visit", "sn"], name="one_line_a_number")]


class File(models.Model):
    """A file that was uploaded, or waits to be fetched（文件）."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    area_path = PathField()
    number = models.CharField(max_length=40, unique=True, help_text="file_qury_no")
    name = models.CharField(max_length=200)
    sealed = models.TextField(help_text="the bytes in base64")
    made_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()


class SettlementList(models.Model):
    """A settlement list as the hospital sent it（医保基金结算清单）, checked against the settlement. The later row counts."""

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    area_path = PathField()
    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="+")
    infno = models.CharField(max_length=8)
    sealed = models.TextField()
    message_id = models.BigIntegerField()
    made_at = models.DateTimeField(db_default=Now())


class Clearing(models.Model):
    """That a hospital asks for its bills of some days to be cleared（清算申请）. It moves no money: the funds' books do.

    `number` is that of the message. Sums as both sides have them, in fen.
    """

    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    number = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=6, help_text="clr_type")
    days = DateRangeField()
    bills = models.IntegerField()
    cost_fen = models.BigIntegerField()
    funds_fen = models.BigIntegerField()
    cash_fen = models.BigIntegerField()
    made_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_clearing_a_day",
                expressions=[
                    ("institution", RangeOperators.EQUAL), ("kind", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS),
                ],
                condition=Q(withdrawn_at=None),
            ),
            models.CheckConstraint(condition=Q(days__isempty=False), name="clearing_has_days"),
        ]  # fmt: skip
