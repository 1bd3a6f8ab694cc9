"""What integration and end-to-end tests share: pipelines of their own on the real cluster, and a faulty network."""
