# The page and its API: docker build -t inkdigits . && docker run --rm -p 127.0.0.1:8000:8000 inkdigits
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[web,pdf,heic]'

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /data --create-home ink
COPY --from=build /venv /venv
USER 10001
VOLUME /data
ENV PATH=/venv/bin:$PATH XDG_DATA_HOME=/data PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
ENTRYPOINT ["inkdigits", "serve", "--host", "0.0.0.0"]
