"""Settle tables of bills: the compiled loop of `engine.kernel`, fed from Arrow tables and Parquet files."""
