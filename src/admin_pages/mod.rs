//! The admin pages: an API surface of HTML for the operations of [`crate::admin`]. Forms post, the response redirects, and
//! the next page shows the result. The pages contain no script.
//!
//! - `render`: the layer around the pages: origin of forms, new cookies, errors as pages.
//! - `extract`: who asks. A write needs a `confirm::Confirmed` form.
//! - `views`: what the templates in `templates/admin/` show. [`texts`]: their sentences in each language. `wording`: which sentence an error or an event has.
//! - [`store`]: the numbers of the overview.
//!
//! **Invariant:** no token is in a URL or in a page, and nothing is changed by a `GET`.

pub(crate) mod confirm;
pub(crate) mod extract;
pub(crate) mod filters;
pub(crate) mod form;
pub(crate) mod handlers;
pub(crate) mod notice;
pub(crate) mod render;
pub mod store;
pub mod texts;
pub(crate) mod views;
pub(crate) mod wording;
