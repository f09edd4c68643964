"""Pages of institutions, catalogues and mappings."""
