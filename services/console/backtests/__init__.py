"""Backtests of changed rules files: a worker process for each, and the table of what came out.

__main__.py   the worker: rules and a topic in, progress and a result out, as JSON lines
process.py    starts, watches and ends a worker
manager.py    one backtest at a time, its rows in the database
"""
