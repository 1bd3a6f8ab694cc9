"""The simulator of card payments that the Fraud Detection Handbook describes, written from its description.

Customers and terminals live on a square; a customer pays at the terminals within a radius, a number of times a day,
with amounts around a mean of the customer's own. Three kinds of fraud are put in: amounts above a limit, terminals that
are compromised for weeks, and customers whose card is used by others. The numbers are those of the book; the random
numbers are not, so the transactions differ from the data that the book offers for download.

Source: https://fraud-detection-handbook.github.io/fraud-detection-handbook/Chapter_3_GettingStarted/SimulatedDataset.html
"""
