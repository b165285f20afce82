//! That a report is what a browser and a person can read.

use super::super::{Skies, compare, study, what_next};
use super::*;
use crate::twin::Site;

fn report(check: impl FnOnce(&Report<'_>)) {
    let site = Site::example().unwrap();
    let sites = [
        Alternative { name: "as <it> is & \"was\"".to_owned(), site: site.clone() },
        Alternative { name: "again".to_owned(), site: site.clone() },
    ];
    let studies: Vec<_> = compare(&sites, 1, 21, || {}).into_iter().map(|(study, _)| study).collect();
    let skies = Skies::over(&site, 1, 21);
    let gains = what_next(&site, &studies[0].expected, &skies, || {});
    assert_eq!(study(&site, &skies, || {}).expected, studies[1].expected, "the same sky again");
    check(&Report { sites: &sites, studies: &studies, gains: &gains });
}

/// That every element of a document is closed in its turn, attributes are quoted, and entities are known.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > in {:?}", &rest[..at]);
        let end = rest[at..].find('>').expect("an end") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with(['!', '?']) {
            continue;
        }
        assert!(tag.matches('"').count().is_multiple_of(2), "quotes in {tag:?}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed in turn");
        } else if !tag.ends_with('/') && !["meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    for part in text.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|known| part.starts_with(known)), "{part:.10}");
    }
}

#[test]
fn a_report_is_well_formed_and_needs_nothing_else() {
    report(|report| {
        for text in [html(report), svg(report)] {
            well_formed(&text);
            assert!(text.contains(MARK) && text.contains("as &lt;it&gt; is &amp; &quot;was&quot;"));
            let bare = text.replace("http://www.w3.org/2000/svg", "");
            for outside in ["http", "<script", "src=", "url(", "@import", "NaN", "inf"] {
                assert!(!bare.contains(outside), "{outside}");
            }
            for title in
                ["Charge through the year", "Energy, week by week", "When which work runs", "The worst week"]
            {
                assert!(text.contains(title), "{title}");
            }
        }
    });
}

#[test]
fn nearly_all_is_not_shown_as_all() {
    assert_eq!(percent(1.0), "100 %");
    assert_eq!(percent(0.99996), "99.99 %");
    assert_eq!(percent(0.5), "50.0 %");
    assert_eq!(paint::shade(0.99), paint::HEAT.len() - 2);
    assert_eq!((paint::shade(1.0), paint::shade(0.0)), (paint::HEAT.len() - 1, 0));
}
