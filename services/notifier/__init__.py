"""The notifier: tells people of alerts, by rules of their own, and accounts for every attempt.

model.py, loading.py      notifications.toml: routes, receivers, silences by time, as data
dispatcher.py             decides: groups, silences, inhibition, retries; pure, with the time handed in
receivers/                email, Slack, webhook, Apprise: the messages go out here
session.py                Kafka in and out, one transaction per step
"""
