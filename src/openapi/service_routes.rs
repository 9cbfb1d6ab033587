//! What the API document says of the routes for operators and their tools. Must not promise what the routes do not keep.

use serde_json::json;

use super::operation::Operation;
use crate::error::{Error, Resource};

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, summary| Operation::new("get", path, "Service", id, summary).open();
    let status = json!({
        "type": "object", "required": ["status"], "properties": { "status": { "type": "string" } },
    });
    vec![
        new("/livez", "get_livez", "Whether the process answers").answers_json(
            200,
            "It does.",
            &status,
            &json!({ "status": "ok" }),
        ),
        new("/readyz", "get_readyz", "Whether requests can be served")
            .answers_json(200, "They can.", &status, &json!({ "status": "ready" }))
            .refuses(&[Error::unavailable("")]),
        new("/problems/{code}", "get_problem", "What a code of an error means, for people")
            .answers_as(200, "The explanation.", "text/plain")
            .may_lack(Resource::Problem),
        new("/v1/openapi.json", "get_openapi", "This document").answers_json(
            200,
            "The document.",
            &json!({ "type": "object" }),
            &json!({ "openapi": "3.1.0" }),
        ),
    ]
}
