# One image for the services and the schema commands: the command says which module runs.
# Plain instructions only, so that the classic builder and BuildKit both build it.
FROM python:3.13-slim

# Nothing is written at run time: the file system may be read-only.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /app

COPY requirements-services.txt tools/locks/install.py /tmp/
RUN PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore python /tmp/install.py /tmp/requirements-services.txt

COPY schemas schemas
COPY avroguard/src/avroguard avroguard
COPY services services
# What a strict umask took away at checkout, the unprivileged user needs: to read.
RUN chmod -R a+rX . && python -m compileall -q avroguard services

# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["services.detector"]
