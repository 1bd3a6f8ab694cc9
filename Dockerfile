# One image for the services and the schema commands: the command says which module runs.
# Plain instructions only, so that the classic builder and BuildKit both build it.
#
# The same input makes the same layers: byte code is bound to its source by digest, hashes are not salted, and every file has
# the time SOURCE_DATE_EPOCH. PYTHON_IMAGE=python:3.13-slim@sha256:... pins what it is built on; scripts/release does.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
ARG SOURCE_DATE_EPOCH=0
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

WORKDIR /image/app
COPY requirements-services.txt tools/locks/install.py /tmp/
RUN PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_COMPILE=1 PIP_TARGET=/image/packages \
    python /tmp/install.py /tmp/requirements-services.txt

COPY schemas schemas
COPY avroguard/src/avroguard avroguard
COPY services services
# What a strict umask took away at checkout, the unprivileged user needs: to read.
RUN python -m compileall -q --invalidation-mode unchecked-hash -s /image -p / /image \
 && chmod -R u=rwX,go=rX /image && find /image -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM ${PYTHON_IMAGE}
# Nothing is written at run time: the file system may be read-only.
ENV PYTHONPATH=/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /image/ /
WORKDIR /app

# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["services.detector"]
