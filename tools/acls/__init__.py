"""ACLs of the pipeline's programs, derived from what each declares where it is built."""
