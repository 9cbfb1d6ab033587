//! Notes in HTML become text: paragraphs, lists and links stay readable.

use html5gum::{Token, Tokenizer};

// Elements that begin a line of their own.
const BLOCKS: [&[u8]; 16] = [
    b"p",
    b"div",
    b"br",
    b"ul",
    b"ol",
    b"li",
    b"tr",
    b"table",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"pre",
    b"blockquote",
];
const HIDDEN: [&[u8]; 4] = [b"script", b"style", b"head", b"title"];

pub fn text(html: &str) -> String {
    let (mut text, mut hidden, mut link) = (String::new(), 0_usize, None);
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                if HIDDEN.contains(&&tag.name[..]) {
                    hidden += 1;
                } else if BLOCKS.contains(&&tag.name[..]) {
                    end_line(&mut text);
                }
                match &tag.name[..] {
                    b"li" => text.push_str("- "),
                    b"a" => {
                        let href = tag.attributes.get(&b"href"[..]);
                        link = href.map(|href| String::from_utf8_lossy(href).into_owned());
                    }
                    _ => {}
                }
            }
            Token::EndTag(tag) => {
                if HIDDEN.contains(&&tag.name[..]) {
                    hidden = hidden.saturating_sub(1);
                } else if BLOCKS.contains(&&tag.name[..]) {
                    end_line(&mut text);
                } else if &tag.name[..] == b"a"
                    && let Some(link) = link.take().filter(|link| !text.ends_with(link.as_str()))
                {
                    text.extend([" (", &link, ")"]);
                }
            }
            Token::String(string) if hidden == 0 => append(&mut text, &String::from_utf8_lossy(&string)),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// The text of a note that may be HTML.
pub fn text_if_html(note: &str) -> String {
    let looks_like_html = note.contains("</") || note.contains("<br") || note.contains("<p>");
    if looks_like_html { text(note) } else { note.to_owned() }
}

fn end_line(text: &mut String) {
    // A paragraph inside of an item begins in the line of the item.
    if text.ends_with("- ") {
        return;
    }
    let kept = text.trim_end_matches(' ').len();
    text.truncate(kept);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// White space of HTML is one space.
fn append(text: &mut String, part: &str) {
    for c in part.chars() {
        if !c.is_ascii_whitespace() {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_lists_and_links_stay_readable() {
        for (html, expected) in [
            ("<p>One&nbsp;&amp; <b>two</b></p><p>three</p>", "One\u{a0}& two\nthree"),
            ("<ul><li>a</li><li><p>b</p></li></ul>", "- a\n- b"),
            ("see <a href=\"https://example.org\">this</a><br>x", "see this (https://example.org)\nx"),
            ("<a href=\"https://e.org\">https://e.org</a>", "https://e.org"),
            ("<style>p{}</style><script>alert(1)</script>ok", "ok"),
            ("a <b", "a"),
            ("", ""),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
        assert_eq!(text_if_html("2 < 3 & 4 > 1"), "2 < 3 & 4 > 1");
    }
}
