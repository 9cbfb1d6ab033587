# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# Cargo compares times: sources older than an earlier build in the cache must not pass for built.
# On ARM the allocator takes its page size from the building machine; one built for 64 KiB (2^16) runs on all.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch src/main.rs src/lib.rs \
    && if [ "$(uname -m)" = aarch64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi \
    && cargo build --release --locked \
    && install target/release/todo-api /usr/local/bin/todo-api

FROM debian:bookworm-slim
COPY --from=build /usr/local/bin/todo-api /usr/local/bin/todo-api
# Where a todo-api.toml would be read from.
WORKDIR /etc/todo-api
USER 10001:10001
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["todo-api", "healthcheck"]
ENTRYPOINT ["todo-api"]
CMD ["serve"]
