"""What pages of persons write: acts of the audit trail in words."""

from __future__ import annotations

from django import template

from yizhan.agency.people import holding

register = template.Library()
register.filter("act_words", holding.act_words)
register.filter("outcome_words", holding.outcome_words)
