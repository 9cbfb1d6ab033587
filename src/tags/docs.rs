//! The API document of tags. Tests compare every response with it.

use serde_json::{Value, json};

use super::handlers::TagBody;
use crate::auth::credential::TokenScope;
use crate::error::Resource;
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{described, input, named, sent};
use crate::owned::text::TAG;

pub fn schemas() -> Vec<(&'static str, Value)> {
    let name = described(TAG.schema(), "The new name. Must not be `.` or `..`.");
    let renaming = input("A new name for a tag.", &["name"], &json!({ "name": name }));
    vec![("Tag", sent::<TagBody>()), ("TagRename", renaming)]
}

pub fn operations() -> Vec<Operation> {
    let new = |method, path, id, summary| {
        Operation::new(method, path, "Tags", id, summary)
            .needs(Needs::Scope(TokenScope::of_method(method).name()))
    };
    let example = json!({ "name": "sport", "open_count": 2, "total_count": 5 });
    vec![
        new("get", "/v1/tags", "list_tags", "List tags with their counts, page by page")
            .paginated()
            .page_response("A page of tags.", "TagPage", "Tag", &example),
        new("patch", "/v1/tags/{tag}", "rename_tag", "Rename a tag on all todos")
            .description("If a tag with the new name exists, both tags are merged, in the spelling of the existing one. Tags that differ only in case are one tag, and the new name may differ from the old one only in case.")
            .body(&named("TagRename"), &json!({ "name": "sport" }))
            .json_response(200, "The tag under its new name.", &named("Tag"), &example)
            .not_found(Resource::Tag),
        new("delete", "/v1/tags/{tag}", "delete_tag", "Remove a tag from all todos")
            .response(204, "The tag was removed.")
            .not_found(Resource::Tag),
    ]
}
