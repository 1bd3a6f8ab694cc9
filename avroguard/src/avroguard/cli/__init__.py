"""The commands that govern the schemas: one module each, with its `main`."""
