"""The daily report: what a day was like, in figures and pictures."""
