"""Long work in the background: imports, comparisons, exports. With progress, cancellation, and each step done once."""
