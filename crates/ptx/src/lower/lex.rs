//! PTX text to tokens.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::error::Refusal;

/// Bytes of PTX text, at most.
pub(crate) const TEXT_MAX: usize = 4 << 20;

/// A token: a word (`ld.param.u32`, `%r1`, `.reg`, `0x1F`), a string with its quotes, or one punctuation mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tok<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: u32,
    /// Position in the source, to quote statements.
    pub(crate) start: usize,
}

impl Tok<'_> {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '%' | '.')
}

fn refuse(line: u32, text: &str, reason: &str) -> Refusal {
    Refusal {
        line,
        instruction: text.chars().take(120).collect(),
        reason: reason.to_string(),
        instead: "".to_string(),
    }
}

/// Tokens of a text without comments. A zero byte ends the text (NVRTC counts it).
pub(crate) fn tokens(source: &str) -> Result<Vec<Tok<'_>>, Refusal> {
    if source.len() > TEXT_MAX {
        return Err(refuse(1, "", "the text is longer than 4 MiB"));
    }
    let bytes = source.as_bytes();
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1u32);
    while at < bytes.len() && bytes[at] != 0 {
        let rest = &source[at..];
        let c = rest.chars().next().unwrap_or(' ');
        let len = if c.is_ascii_whitespace() {
            1
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|n| n + 2).ok_or_else(|| refuse(line, "/*", "the comment does not end"))?
        } else {
            let len = token_len(rest, c).ok_or_else(|| refuse(line, rest, "this is not PTX"))?;
            out.push(Tok { text: &rest[..len], line, start: at });
            len
        };
        line += rest.as_bytes()[..len].iter().filter(|b| **b == b'\n').count() as u32;
        at += len;
    }
    Ok(out)
}

fn token_len(rest: &str, c: char) -> Option<usize> {
    if c == '"' {
        return rest[1..].find('"').map(|n| n + 2);
    }
    if is_word_char(c) {
        let mut len = 0;
        loop {
            len += rest[len..].find(|c| !is_word_char(c)).unwrap_or(rest.len() - len);
            let joined = rest[len..].starts_with("::") && rest[len + 2..].starts_with(is_word_char);
            if !joined {
                return Some(len);
            }
            len += 2;
        }
    }
    (c.is_ascii_punctuation()).then_some(1)
}
