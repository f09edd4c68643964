"""Every write about enrolment, by what it is about."""
