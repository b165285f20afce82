//! Which known word a misspelt one was meant to be.

/// The known word nearest to `found`, if it is near enough that a person would agree: a slip or two, or the beginning of
/// one word alone.
pub(super) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let limit = (found.chars().count() / 3).max(1);
    let slip =
        known.iter().map(|word| (distance(found, word), word)).filter(|(slips, _)| *slips <= limit).min();
    if let Some((_, word)) = slip {
        return Some((*word).to_owned());
    }
    let mut begun = known.iter().filter(|word| found.len() >= 3 && word.starts_with(found));
    match (begun.next(), begun.next()) {
        (Some(word), None) => Some((*word).to_owned()),
        _ => None,
    }
}

/// How many letters must be added, dropped, changed or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_key_that_was_meant() {
        let known = ["chemistry", "capacity", "cutoff", "resistance", "load_max", "temperature"];
        assert_eq!(nearest("capactiy", known).as_deref(), Some("capacity"));
        assert_eq!(nearest("cut_off", known).as_deref(), Some("cutoff"));
        assert_eq!(nearest("load-max", known).as_deref(), Some("load_max"));
        assert_eq!(nearest("voltage", known), None, "nothing looks like it");
        assert_eq!(nearest("volt", ["hold", "voltage"]).as_deref(), Some("voltage"), "a beginning");
        assert_eq!(nearest("ina", ["ina219", "ina226"]), None, "the beginning of several");
        assert_eq!(nearest("x", ["on"]), None, "a wholly different word is no slip");
    }
}
