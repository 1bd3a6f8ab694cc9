"""Tests of the ACLs that follow from what programs declare."""
