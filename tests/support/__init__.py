"""What integration and end-to-end tests share besides `tools.harness`."""
