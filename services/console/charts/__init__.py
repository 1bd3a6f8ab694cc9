"""Pictures of a case, as SVG."""
