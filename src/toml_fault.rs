//! What is wrong in a TOML file: its line, and the valid name nearest to an unknown one.

use std::path::Path;

use crate::error::{Error, Fault};

/// The error of a TOML file with its line; an unknown key gets the nearest valid one.
pub fn toml_fault(file: &Path, text: &str, e: &toml::de::Error) -> Error {
    let fault = Fault::new(file, explain(e.message()));
    match e.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            fault.line(before.matches('\n').count() + 1).config()
        }
        None => fault.config(),
    }
}

/// serde's words for an unknown key, with the nearest valid one named.
pub fn explain(message: &str) -> String {
    let message = message.replace('\n', " ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, valid)) = quoted.split_first() else {
        return message;
    };
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return message;
    }
    let nearest = nearest(unknown, valid.iter().copied());
    let kind = if message.starts_with("unknown field") {
        "key"
    } else {
        "value"
    };
    match nearest {
        Some(name) => format!("unknown {kind} `{unknown}`; did you mean `{name}`?"),
        None => format!("unknown {kind} `{unknown}`"),
    }
}

/// The candidate most like `word` (Jaro-Winkler).
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_named_and_so_is_the_nearest_key() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Two {
            epochs: usize,
            batch: usize,
        }
        let right: Two = toml::from_str("batch = 1\nepochs = 2\n").unwrap();
        assert_eq!((right.batch, right.epochs), (1, 2));
        let text = "batch = 1\nepoch = 2\n";
        let e = toml::from_str::<Two>(text).unwrap_err();
        assert_eq!(
            toml_fault(Path::new("a.toml"), text, &e).to_string(),
            "a.toml, line 2: unknown key `epoch`; did you mean `epochs`?"
        );
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
