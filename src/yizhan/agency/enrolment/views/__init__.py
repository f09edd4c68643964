"""Pages of enrolment, by what they are about."""
