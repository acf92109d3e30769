# Three stages: the front end's packages, Python's packages, and the image that runs without either's tools.

FROM node:20-slim AS front
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim AS packages
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.11-slim AS run
RUN useradd --system --uid 10001 --create-home fleet && install -d -o fleet -m 700 /var/lib/fleet
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FLEET_HOME=/var/lib/fleet STATIC_ROOT=/srv/static HOST=0.0.0.0 PORT=8000
COPY --from=packages /venv /venv
WORKDIR /srv/fleet
COPY . .
COPY --from=front /build/node_modules node_modules
RUN python -m fleet_manager.assets \
    && rm -rf node_modules \
    && DEMO=0 python manage.py collectstatic --no-input -v 0 \
    && rm -rf /var/lib/fleet/* \
    && chown -R fleet /var/lib/fleet
USER 10001
VOLUME /var/lib/fleet
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "fleet_manager.web"]
