"""The console: a web application in which people work on cases.

records.py, cases.py     alerts and decisions; what they make of a case (pure)
storage/                 tables of the database, and their migrations
projection/              topics into the database, offsets in the same transaction
publishing.py            decisions of people, and the labels that follow from them, into topics
queries/                 what the pages read
security/                users, sessions, roles, the audit log
charts/                  pictures, drawn as SVG
web/, templates/, static/   the pages
"""
