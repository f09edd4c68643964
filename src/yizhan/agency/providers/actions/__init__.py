"""Every write about institutions, catalogues and mappings."""
