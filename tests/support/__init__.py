"""Helpers of tests besides `tools.harness`."""
