"""Files of ``deploy/`` that follow from the contracts, the alarms and the chart (docs/decisions/0032-deployment.md).

chart_files.py    files of the chart, and manifests, that follow from contracts, alarms and dashboards
helm.py           rendering of the chart
kustomize.py      the plain manifests: a base, and components as what values add to it
objects.py        objects as data, and where their files stand
"""
