//! XML of requests as a tree with resolved namespaces (RFC 4918 §8.2 and §17).
//!
//! **Invariant:** depth and size of a tree are bounded, and a document with a document type is refused, so that no entity
//! can expand.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{XmlVersion, escape};

/// Levels of elements.
pub const DEPTH_MAX: usize = 32;
/// Elements in a body. A multiget names at most as many resources.
pub const ELEMENTS_MAX: usize = 25_000;

pub const DAV: &str = "DAV:";
pub const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
pub const CALENDAR_SERVER: &str = "http://calendarserver.org/ns/";
pub const APPLE: &str = "http://apple.com/ns/ical/";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// Empty for a name without a namespace.
    pub space: String,
    pub local: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub name: Name,
    /// Without those of a namespace, which no request of WebDAV or CalDAV has.
    pub attributes: Vec<(String, String)>,
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(String),
}

impl Name {
    pub fn new(space: &str, local: &str) -> Self {
        Self { space: space.to_owned(), local: local.to_owned() }
    }

    pub fn is(&self, space: &str, local: &str) -> bool {
        self.space == space && self.local == local
    }
}

impl Element {
    pub fn is(&self, space: &str, local: &str) -> bool {
        self.name.is(space, local)
    }

    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub fn child(&self, space: &str, local: &str) -> Option<&Self> {
        self.children().find(|child| child.is(space, local))
    }

    /// The text directly in this element, trimmed: clients put line breaks around it.
    pub fn text(&self) -> String {
        self.whole_text().trim().to_owned()
    }

    pub fn whole_text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The root element. Fails with a reason.
pub fn parse(body: &[u8]) -> Result<Element, String> {
    let text = text_of(body)?;
    let mut reader = NsReader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut tree = Tree::default();
    loop {
        let (space, event) = reader.read_resolved_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => {
                let name = Name { space: namespace(&space)?, local: local_name(&start)? };
                let attributes = attributes(&start)?;
                tree.open(Element { name, attributes, nodes: Vec::new() })?;
            }
            Event::End(_) => tree.close(),
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::CData(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(reference) => tree.text(&resolved(&reference)?),
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof => return tree.root.ok_or_else(|| "it has no complete root element".to_owned()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), String> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(format!("it has more than {ELEMENTS_MAX} elements"));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("it has more than {DEPTH_MAX} levels of elements"));
        }
        if self.root.is_some() {
            return Err("it has two root elements".to_owned());
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(Node::Element(closed)),
            None => self.root = Some(closed),
        }
    }

    fn text(&mut self, text: &str) {
        let Some(parent) = self.open.last_mut() else { return };
        match parent.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => parent.nodes.push(Node::Text(text.to_owned())),
        }
    }
}

fn text_of(body: &[u8]) -> Result<String, String> {
    let utf_16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|unit| read([unit[0], unit[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "it is not UTF-16".to_owned())
    };
    match body {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            String::from_utf8(rest.to_vec()).map_err(|_| "it is not UTF-8".to_owned())
        }
    }
}

fn namespace(resolved: &ResolveResult<'_>) -> Result<String, String> {
    match resolved {
        ResolveResult::Bound(Namespace(uri)) => {
            escape::unescape(uri).map(Cow::into_owned).map_err(|error| error.to_string())
        }
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(format!("the prefix {prefix:?} is not declared")),
    }
}

fn local_name(start: &BytesStart<'_>) -> Result<String, String> {
    let local = start.local_name().into_inner().to_owned();
    let is_name = |(at, c): (usize, char)| {
        c.is_alphabetic() || c == '_' || !c.is_ascii() || at > 0 && (c.is_ascii_digit() || "-.".contains(c))
    };
    let is_valid = !local.is_empty() && local.char_indices().all(is_name);
    if is_valid { Ok(local) } else { Err("an element has an invalid name".to_owned()) }
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.into_inner();
        if !key.contains(':') && key != "xmlns" {
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            attributes.push((key.to_owned(), value.into_owned()));
        }
    }
    Ok(attributes)
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let predefined = escape::resolve_predefined_entity(reference);
    predefined.map(str::to_owned).ok_or_else(|| "it uses an entity that is not predefined".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_arbitrary_and_text_is_trimmed() {
        let apple = br#"<?xml version="1.0" encoding="UTF-8"?>
            <A:propfind xmlns:A="DAV:"><A:prop><A:href>
              /dav/a&amp;b&#x20;c
            </A:href><B:comp xmlns:B="urn:ietf:params:xml:ns:caldav" name="V&lt;TODO"/></A:prop></A:propfind>"#;
        let plain = br#"<propfind xmlns="DAV:"><prop><href>/dav/a<![CDATA[&b c]]></href>
            <comp xmlns="urn:ietf:params:xml:ns:caldav" name="V&lt;TODO"></comp></prop></propfind>"#;
        for body in [&apple[..], plain] {
            let root = parse(body).unwrap();
            assert!(root.is(DAV, "propfind"));
            let prop = root.child(DAV, "prop").unwrap();
            assert_eq!(prop.child(DAV, "href").unwrap().text(), "/dav/a&b c");
            assert_eq!(prop.child(CALDAV, "comp").unwrap().attribute("name"), Some("V<TODO"));
            assert_eq!(prop.children().count(), 2);
        }
    }

    #[test]
    fn utf_16_is_read() {
        let text = "<a>ä</a>";
        let little: Vec<u8> =
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> =
            [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        for body in [little, big, text.as_bytes().to_vec()] {
            assert_eq!(parse(&body).unwrap().text(), "ä");
        }
    }

    #[test]
    fn hostile_documents_are_refused() {
        let entity = r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#;
        for body in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><a/>",
            "<x:a/>",
            "<a>&x;</a>",
            "<a b='1' b='2'/>",
            entity,
            "<a/b/>",
            "<1/>",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(&[b'<', b'a', b'>', 0xff]).is_err());
        assert!(parse("<a>".repeat(DEPTH_MAX).as_bytes()).is_err());
        let deep = |levels: usize| "<a>".repeat(levels) + &"</a>".repeat(levels);
        assert!(parse(deep(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(deep(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(parse(deep(100_000).as_bytes()).is_err());
        let wide = |elements: usize| format!("<a>{}</a>", "<b/>".repeat(elements - 1));
        assert!(parse(wide(ELEMENTS_MAX).as_bytes()).is_ok());
        assert!(parse(wide(ELEMENTS_MAX + 1).as_bytes()).is_err());
    }
}
