# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# Cargo compares modification times. Without touch, sources older than the cached build would not be rebuilt.
# On ARM, jemalloc takes its page size from the build machine. A build for 64 KiB (2^16) pages runs on every machine.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch build.rs src/main.rs src/lib.rs \
    && if [ "$(uname -m)" = aarch64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi \
    && cargo build --release --locked \
    && install target/release/todo-api /usr/local/bin/todo-api

FROM debian:bookworm-slim
COPY --from=build /usr/local/bin/todo-api /usr/local/bin/todo-api
# The service reads todo-api.toml from here if the file exists.
WORKDIR /etc/todo-api
USER 10001:10001
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["todo-api", "healthcheck"]
ENTRYPOINT ["todo-api"]
CMD ["serve"]
