"""The agency: the platform on which officers work all day. A Django project on PostgreSQL."""
