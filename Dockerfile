# One image for every role. Build: docker build -t trading-platform .
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /srv
COPY requirements.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock

FROM python:3.11.14-slim-bookworm
RUN useradd --create-home --uid 10001 trading && mkdir -p /srv/.data && chown trading /srv/.data
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY domain domain
COPY app app
COPY tables tables
COPY agents agents
COPY web web
# Our plain package names outrank whatever is installed; the version is read from the metadata that pip writes.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv PYTHONUNBUFFERED=1
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .
USER trading
VOLUME /srv/.data
EXPOSE 6066
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=12 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('WEB_PORT', '6066')}/readyz\")"]
ENTRYPOINT ["faust", "-A", "app"]
CMD ["worker", "-l", "info"]
