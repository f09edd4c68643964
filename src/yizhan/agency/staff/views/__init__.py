"""Pages of signing in, of one's own account, of officers, areas and the audit trail."""

from yizhan.agency.staff.views.door import broken, forged

__all__ = ["broken", "forged"]
