//! Writes XML for responses.

use std::fmt::Write;

use super::xml::{APPLE, CALDAV, CALENDAR_SERVER, DAV, Element, Name, Node, parse};
use crate::lists::model::DeadProperty;

pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

// The namespaces that the root element of a response declares.
const PREFIXES: [(&str, &str); 4] = [(DAV, "D"), (CALDAV, "C"), (CALENDAR_SERVER, "CS"), (APPLE, "A")];

#[derive(Debug, Default)]
pub struct Markup(pub String);

impl Markup {
    pub fn document() -> Self {
        Self(DECLARATION.to_owned())
    }

    /// The root element, which declares the prefixes.
    pub fn root(&mut self, space: &str, local: &str, content: impl FnOnce(&mut Self)) {
        self.open_root(space, local);
        content(self);
        self.close(space, local);
    }

    pub fn open_root(&mut self, space: &str, local: &str) {
        let prefix = prefix(space).unwrap_or_default();
        let _ = write!(self.0, "<{prefix}:{local}");
        for (space, prefix) in PREFIXES {
            let _ = write!(self.0, " xmlns:{prefix}=\"{space}\"");
        }
        self.0.push('>');
    }

    pub fn element(&mut self, space: &str, local: &str, content: impl FnOnce(&mut Self)) {
        self.open(space, local);
        let start = self.0.len();
        self.0.push('>');
        content(self);
        if self.0.len() == start + 1 {
            self.0.truncate(start);
            self.0.push_str("/>");
        } else {
            self.close(space, local);
        }
    }

    pub fn empty(&mut self, space: &str, local: &str) {
        self.element(space, local, |_| {});
    }

    pub fn empty_with(&mut self, space: &str, local: &str, attributes: &[(&str, &str)]) {
        self.open(space, local);
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push_str("/>");
    }

    pub fn text_element(&mut self, space: &str, local: &str, text: &str) {
        self.element(space, local, |content| content.text(text));
    }

    pub fn href(&mut self, href: &str) {
        self.text_element(DAV, "href", href);
    }

    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // Parsers read a raw carriage return as a line feed (XML 1.0 §2.11).
                '\r' => self.0.push_str("&#13;"),
                '\t' | '\n' => self.0.push(c),
                // XML 1.0 §2.2 has no way to write these.
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                _ => self.0.push(c),
            }
        }
    }

    /// Nodes that a client has sent.
    pub fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.text(text),
                Node::Element(element) => self.tree(element),
            }
        }
    }

    fn tree(&mut self, element: &Element) {
        let Name { space, local } = &element.name;
        self.open(space, local);
        for (name, value) in &element.attributes {
            let _ = write!(self.0, " {name}=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        self.nodes(&element.nodes);
        self.close(space, local);
    }

    fn open(&mut self, space: &str, local: &str) {
        if let Some(prefix) = prefix(space) {
            let _ = write!(self.0, "<{prefix}:{local}");
            return;
        }
        let _ = write!(self.0, "<{local} xmlns=\"");
        self.text(space);
        self.0.push('"');
    }

    pub fn close(&mut self, space: &str, local: &str) {
        let _ = match prefix(space) {
            Some(prefix) => write!(self.0, "</{prefix}:{local}>"),
            None => write!(self.0, "</{local}>"),
        };
    }
}

fn prefix(space: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(known, _)| *known == space).map(|(_, prefix)| *prefix)
}

/// A property as the service keeps it.
pub fn dead_property(element: &Element) -> DeadProperty {
    let mut xml = Markup::default();
    xml.nodes(&element.nodes);
    let Name { space, local } = element.name.clone();
    DeadProperty { space, local, xml: xml.0 }
}

/// Whether [`dead_property`] can have written this property, so that its XML may be part of a response.
pub fn is_well_formed(property: &DeadProperty) -> bool {
    let DeadProperty { space, local, xml } = property;
    let mut document = Markup::document();
    document.root(DAV, "prop", |out| {
        out.open(space, local);
        let _ = write!(out.0, ">{xml}");
        out.close(space, local);
    });
    let Ok(root) = parse(document.0.as_bytes()) else { return false };
    matches!(root.nodes.as_slice(), [Node::Element(only)] if dead_property(only) == *property)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "a\r\n<b>&\"c\" ä\t";
        let mut out = Markup::document();
        out.root(DAV, "multistatus", |out| {
            out.text_element(CALDAV, "calendar-data", text);
            out.empty("http://example.org/?a=1&b=2", "icon");
            out.empty("", "bare");
        });
        let root = parse(out.0.as_bytes()).unwrap();
        let children: Vec<_> = root.children().collect();
        assert_eq!(children[0].nodes, [Node::Text(text.to_owned())]);
        assert!(children[1].is("http://example.org/?a=1&b=2", "icon") && children[2].is("", "bare"));
        let mut again = Markup::document();
        again.root(DAV, "multistatus", |again| again.nodes(&root.nodes));
        assert_eq!(parse(again.0.as_bytes()).unwrap(), root);
    }

    #[test]
    fn only_xml_that_is_written_here_is_well_formed() {
        let property = |space: &str, local: &str, xml: &str| DeadProperty {
            space: space.to_owned(),
            local: local.to_owned(),
            xml: xml.to_owned(),
        };
        let element = parse(b"<a xmlns='urn:x' xmlns:d='DAV:'>1 &lt; 2<d:b c='3'/></a>").unwrap();
        assert!(is_well_formed(&dead_property(&element)));
        assert!(is_well_formed(&property(DAV, "x", "")));
        for (space, local, xml) in [
            (DAV, "x", "<b>"),
            (DAV, "x", "</D:x><D:y>"),
            (DAV, "x", "&nbsp;"),
            (DAV, "x", "<!-- -->"),
            (DAV, "x><y", ""),
            (DAV, "", ""),
            ("urn:x", "a b=\"c\"", ""),
            (DAV, "x", "\u{1}"),
        ] {
            assert!(!is_well_formed(&property(space, local, xml)), "{space} {local} {xml}");
        }
    }

    #[test]
    fn characters_that_xml_cannot_contain_are_left_out() {
        let mut out = Markup::default();
        out.text("a\u{1}\u{fffe}b");
        assert_eq!(out.0, "ab");
    }
}
