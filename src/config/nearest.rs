use strsim::damerau_levenshtein;

/// The candidate most similar to a misspelled name. `None` if all of them differ in more than a quarter of the name.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let max_distance = name.chars().count().div_ceil(4);
    let distances = candidates.into_iter().map(|candidate| (damerau_levenshtein(name, candidate), candidate));
    let (_, found) = distances.filter(|(distance, _)| *distance <= max_distance).min()?;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_has_a_nearest_one() {
        let names = ["listen", "public_url", "cookies"];
        for (name, found) in [
            ("listn", Some("listen")),
            ("lisetn", Some("listen")),
            ("publicurl", Some("public_url")),
            ("listen", Some("listen")),
            ("url", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), found, "{name}");
        }
    }
}
