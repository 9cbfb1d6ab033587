//! The names of the settings, with their defaults.

pub const FILE: &str = "todo-api.toml";

/// Names and defaults, in the order of the table in docs/operating.md.
pub const SETTINGS: [(&str, Option<&str>); 23] = [
    ("mongodb_uri", Some("mongodb://localhost:27017/todolistapp")),
    ("jwt_secret", None),
    ("jwt_secrets_previous", Some("")),
    ("host", Some("0.0.0.0")),
    ("port", Some("8000")),
    ("bcrypt_cost", Some("12")),
    ("password_pepper", None),
    ("trusted_proxy_hops", Some("0")),
    ("public_url", Some("")),
    ("access_token_ttl", Some("15m")),
    ("throttles", Some("on")),
    ("registration", Some("open")),
    ("caldav_passwords", Some("off")),
    ("max_connections", Some("4096")),
    ("max_connections_per_address", Some("")),
    ("keep_alive", Some("100s")),
    ("max_event_connections", Some("1000")),
    ("max_answer_bytes", Some("268435456")),
    ("metrics_addr", Some("")),
    ("cors_origins", Some("")),
    ("cors_headers", Some("")),
    ("log_format", None),
    ("log_level", Some("info")),
];
