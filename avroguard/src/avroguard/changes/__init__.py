"""What a change of the contracts breaks: what it is compared with, and the findings."""
