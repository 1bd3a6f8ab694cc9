"""Tests on a local cluster with TLS, users and ACLs."""
