//! A TOML text with the line of every key, read section by section so that all problems come out together.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{Problem, What};
use super::nearest::nearest;

/// The most syntax errors shown: after the first few, the parser guesses.
const SYNTAX_ERRORS_MAX: usize = 5;

/// The parsed text and what was found wrong with it so far.
pub(super) struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
    /// What is wrong, in the order of finding.
    pub(super) problems: Vec<Problem>,
}

/// One section: its path and its still untyped value.
pub(super) struct Section<'t> {
    /// `battery`, or `sensor[1]`.
    pub(super) path: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
    value: Spanned<DeValue<'t>>,
}

impl<'t> Document<'t> {
    /// Parses the text; the problems when it is not TOML at all.
    pub(super) fn parse(text: &'t str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { text, root: root.into_inner(), problems: Vec::new() });
        }
        let problem = |error: &toml::de::Error| Problem {
            line: error.span().map(|span| line_at(text, span.start)),
            key: String::new(),
            what: What::Syntax(error.message().to_owned()),
        };
        Err(errors.iter().take(SYNTAX_ERRORS_MAX).map(problem).collect())
    }

    /// Whether nothing is written in it.
    pub(super) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// Notes a problem with a key of a section.
    pub(super) fn problem(&mut self, line: Option<usize>, key: impl Into<String>, what: What) {
        self.problems.push(Problem { line, key: key.into(), what });
    }

    /// Notes every key at the top that is none of these.
    pub(super) fn only_sections(&mut self, known: &[&'static str]) {
        let strangers: Vec<(String, usize)> = self
            .root
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .map(|key| (key.get_ref().to_string(), line_at(self.text, key.span().start)))
            .collect();
        for (found, line) in strangers {
            let what = unknown("key", &found, known.iter().copied());
            self.problem(Some(line), found, what);
        }
    }

    /// Takes the section `[name]`, if it is there.
    pub(super) fn section(&mut self, name: &'static str) -> Option<Section<'t>> {
        let (line, value) = self.take(name)?;
        if matches!(value.get_ref(), DeValue::Table(_)) {
            return Some(Section { path: name.to_owned(), line, value });
        }
        let wanted = "it is one section: write [section] above its keys";
        self.problem(Some(line), name, What::Shape { found: kind(value.get_ref()), wanted });
        None
    }

    /// Takes the list `[[name]]`; empty when it is not there.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<Section<'t>> {
        let Some((line, value)) = self.take(name) else { return Vec::new() };
        let found = kind(value.get_ref());
        if let DeValue::Array(entries) = value.into_inner()
            && entries.iter().all(|entry| matches!(entry.get_ref(), DeValue::Table(_)))
        {
            let section = |(index, value): (usize, Spanned<DeValue<'t>>)| Section {
                path: format!("{name}[{index}]"),
                line: line_at(self.text, value.span().start),
                value,
            };
            return entries.into_iter().enumerate().map(section).collect();
        }
        let wanted = "there may be several: write [[section]] (two brackets) above each one's keys";
        self.problem(Some(line), name, What::Shape { found, wanted });
        Vec::new()
    }

    fn take(&mut self, name: &str) -> Option<(usize, Spanned<DeValue<'t>>)> {
        let key = self.root.keys().find(|key| key.get_ref() == name)?.clone();
        let value = self.root.remove(&key)?;
        Some((line_at(self.text, key.span().start), value))
    }

    /// Takes one key with a word out of a section.
    pub(super) fn word(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<(usize, String)> {
        let DeValue::Table(table) = section.value.get_mut() else { return None };
        let Some(found) = table.keys().find(|k| k.get_ref() == key).cloned() else {
            self.problem(Some(section.line), section.path.clone(), What::MissingKey(key.to_owned()));
            return None;
        };
        let value = table.remove(&found)?;
        let line = line_at(self.text, value.span().start);
        if let DeValue::String(word) = value.get_ref() {
            return Some((line, word.to_string()));
        }
        let what = What::Value(format!("is {}, but a word in quotes is wanted", kind(value.get_ref())));
        self.problem(Some(line), format!("{}.{key}", section.path), what);
        None
    }

    /// Reads a section as `T`. On an error it notes it, takes the offending key out and reads on, so that every
    /// wrong key of a section is told at once. `None` when anything was wrong.
    pub(super) fn read<T: DeserializeOwned>(&mut self, section: &Section<'t>) -> Option<T> {
        let mut value = section.value.clone();
        let mut taken_out: Vec<String> = Vec::new();
        loop {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) if taken_out.is_empty() => return Some(read),
                Ok(_) => return None,
                Err(error) => error,
            };
            let what = explain(error.message());
            if let What::Unknown { nearest: Some(meant), .. } = &what {
                // Misspelt is not missing.
                taken_out.push(meant.clone());
            }
            let place = error.span().and_then(|span| take_out(value.get_mut(), span.start, &section.path));
            let Some((key, name)) = place else {
                // Nothing to take out: a key is missing. One that was taken out above is not missing.
                if !matches!(&what, What::MissingKey(key) if taken_out.contains(key)) {
                    self.problem(Some(section.line), section.path.clone(), what);
                }
                return None;
            };
            let line = error.span().map(|span| line_at(self.text, span.start));
            self.problem(line, key, what);
            taken_out.push(name);
        }
    }

    /// The line of a key of a section, for problems that show only once everything is read; the section's own line
    /// where the key was left out.
    pub(super) fn line_of(&self, section: &Section<'_>, path: &[&str]) -> usize {
        let mut value = &section.value;
        let mut line = section.line;
        for name in path {
            let DeValue::Table(table) = value.get_ref() else { break };
            let Some((key, inner)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
            line = line_at(self.text, key.span().start);
            value = inner;
        }
        line
    }
}

/// Removes the deepest key that holds the offset, itself or in its value; gives its path and its own name.
fn take_out(value: &mut DeValue<'_>, offset: usize, path: &str) -> Option<(String, String)> {
    match value {
        DeValue::Table(table) => {
            let mut at = None;
            for (key, inner) in table.iter_mut() {
                let inner_path = format!("{path}.{}", key.get_ref());
                if let Some(found) = take_out(inner.get_mut(), offset, &inner_path) {
                    return Some(found);
                }
                let holds = |span: std::ops::Range<usize>| span.contains(&offset);
                if holds(key.span()) || (holds(inner.span()) && !is_header(inner.get_ref())) {
                    at = Some(key.clone());
                }
            }
            let key = at?;
            table.remove(&key);
            Some((format!("{path}.{}", key.get_ref()), key.get_ref().to_string()))
        }
        _ => None,
    }
}

/// A table under a header of its own: its span is its header, where errors about missing keys point.
fn is_header(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Table(_))
}

/// Turns a deserialiser's message into what a person needs.
///
/// serde words these two messages itself (`de::Error::unknown_field`, `unknown_variant`); the folder of bad configs
/// would notice other words.
fn explain(message: &str) -> What {
    for (prefix, kind) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        if let Some(rest) = message.strip_prefix(prefix) {
            let mut words = rest.split('`').step_by(2);
            let found = words.next().unwrap_or_default();
            let known: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
            return unknown(kind, found, known);
        }
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        return What::MissingKey(rest.trim_end_matches('`').to_owned());
    }
    What::Value(message.to_owned())
}

/// An unknown word with the nearest known one.
pub(super) fn unknown<'a>(
    kind: &'static str,
    found: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> What {
    What::Unknown {
        kind,
        found: found.to_owned(),
        nearest: nearest(found, known.clone()),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}

/// What a value is, in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "one section",
    }
}

/// The line of a byte offset, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
