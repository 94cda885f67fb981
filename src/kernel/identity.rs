//! Is it still the same file? Decides whether new bytes may be joined to old ones.
//!
//! Every partial answer is held against what the checkpoint says of the version that was begun. The outcome is proof,
//! a comparison of samples, or the certainty that the file changed; nothing else ever leads to a join.

use crate::model::validators::Validators;

/// What the validators of two answers say about the bytes behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both answers speak of the same bytes: join.
    Proof,
    /// Nothing proves it and nothing speaks against it: compare samples before joining.
    Samples,
    /// Another version: not one new byte is joined to old ones.
    Changed,
}

/// How two entity tags compare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    EqualStrong,
    EqualWeak,
    None,
    Differ,
}

/// How two modification dates compare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dates {
    EqualSettled,
    EqualFresh,
    None,
    Differ,
}

/// Compares the answer that was checkpointed with a later one. Sizes are those of the whole file, where known.
///
/// A tag or date on one side only counts as none (RFC 9110, section 8.8 leaves servers free to omit them).
pub fn same_file(
    held: &Validators,
    held_size: Option<u64>,
    new: &Validators,
    new_size: Option<u64>,
) -> Verdict {
    if let (Some(held), Some(new)) = (held_size, new_size)
        && held != new
    {
        return Verdict::Changed;
    }
    if let (Some(held), Some(new)) = (&held.digest, &new.digest)
        && algorithm(held) == algorithm(new)
    {
        return if held == new { Verdict::Proof } else { Verdict::Changed };
    }
    match (tags(held, new), dates(held, new)) {
        (Tags::EqualStrong, Dates::None | Dates::Differ | Dates::EqualSettled)
        | (Tags::None | Tags::EqualWeak, Dates::EqualSettled) => Verdict::Proof,
        (Tags::EqualStrong, Dates::EqualFresh)
        | (Tags::Differ, Dates::EqualSettled)
        | (Tags::None | Tags::EqualWeak, Dates::None | Dates::EqualFresh) => Verdict::Samples,
        (Tags::None | Tags::EqualWeak | Tags::Differ, Dates::Differ)
        | (Tags::Differ, Dates::None | Dates::EqualFresh) => Verdict::Changed,
    }
}

/// Whether answers like this one can prove a join later: if not, one connection is all that is used.
pub fn can_prove(validators: &Validators) -> bool {
    same_file(validators, None, validators, None) == Verdict::Proof
}

fn algorithm(digest: &str) -> &str {
    digest.split(':').next().unwrap_or(digest)
}

fn tags(held: &Validators, new: &Validators) -> Tags {
    let (Some(held), Some(new)) = (held.etag.as_deref(), new.etag.as_deref()) else {
        return Tags::None;
    };
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    if opaque(held) != opaque(new) {
        Tags::Differ
    } else if opaque(held).trim_matches('"').is_empty() {
        Tags::None
    } else if is_strong(held) && is_strong(new) {
        Tags::EqualStrong
    } else {
        Tags::EqualWeak
    }
}

/// Whether a tag may prove anything: an opaque tag in its quotes, with something between them (RFC 9110, section 8.8.3). What is
/// written otherwise was made by something that doesn't know what a strong tag promises.
fn is_strong(tag: &str) -> bool {
    let between = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    between.is_some_and(|between| !between.is_empty() && !between.contains('"'))
}

fn dates(held: &Validators, new: &Validators) -> Dates {
    match (held.last_modified, new.last_modified) {
        (Some(old), Some(new)) if old != new => Dates::Differ,
        (Some(_), Some(_)) if held.is_settled() => Dates::EqualSettled,
        (Some(_), Some(_)) => Dates::EqualFresh,
        _ => Dates::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UnixMs;

    const DAY: i64 = 86_400_000;

    /// `tag date`: date is `old` (settled), `new` (not settled), `other` (settled, another moment) or `-`.
    fn said(text: &str) -> Validators {
        let (tag, date) = text.split_once(' ').unwrap();
        let (modified, now) = match date {
            "old" => (Some(0), DAY),
            "new" => (Some(0), 30_000),
            "other" => (Some(1000), DAY),
            _ => (None, DAY),
        };
        Validators {
            etag: (tag != "-").then(|| tag.to_owned()),
            last_modified: modified.map(UnixMs),
            date: Some(UnixMs(now)),
            digest: None,
        }
    }

    #[test]
    fn every_pair_of_answers_has_its_verdict() {
        use Verdict::{Changed, Proof, Samples};
        let table = [
            // equal and strong tag
            (r#""a" -"#, r#""a" -"#, Proof),
            (r#""a" old"#, r#""a" old"#, Proof),
            (r#""a" old"#, r#""a" other"#, Proof),
            (r#""a" old"#, r#""a" -"#, Proof),
            (r#""a" new"#, r#""a" new"#, Samples),
            (r#""a" new"#, r#""a" old"#, Samples),
            // no tag, or one on one side only
            ("- old", "- old", Proof),
            (r#""a" old"#, "- old", Proof),
            ("- new", "- new", Samples),
            ("- -", "- -", Samples),
            ("- old", "- -", Samples),
            ("- old", "- other", Changed),
            // weak and equal
            (r#"W/"a" old"#, r#"W/"a" old"#, Proof),
            (r#"W/"a" old"#, r#""a" old"#, Proof),
            (r#"W/"a" -"#, r#"W/"a" -"#, Samples),
            (r#"W/"a" new"#, r#"W/"a" new"#, Samples),
            (r#"W/"a" old"#, r#"W/"a" other"#, Changed),
            // written as no tag is
            (r#""" -"#, r#""" -"#, Samples),
            (r#""" old"#, r#""" old"#, Proof),
            ("a -", "a -", Samples),
            ("a old", "a old", Proof),
            ("\"a -", "\"a -", Samples),
            (r#""a"b" -"#, r#""a"b" -"#, Samples),
            ("a -", "b -", Changed),
            // another tag
            (r#""a" old"#, r#""b" old"#, Samples),
            (r#""a" new"#, r#""b" new"#, Changed),
            (r#""a" -"#, r#""b" -"#, Changed),
            (r#""a" old"#, r#""b" other"#, Changed),
            (r#""a" old"#, r#""b" -"#, Changed),
        ];
        for (held, new, verdict) in table {
            assert_eq!(same_file(&said(held), None, &said(new), None), verdict, "{held} then {new}");
        }
    }

    #[test]
    fn another_size_is_another_file_whatever_the_tags_say() {
        let same = said(r#""a" old"#);
        assert_eq!(same_file(&same, Some(10), &same, Some(11)), Verdict::Changed);
        assert_eq!(same_file(&same, Some(10), &same, None), Verdict::Proof);
    }

    #[test]
    fn digests_of_the_whole_decide_before_tags() {
        let with = |tag: &str, digest: &str| Validators { digest: Some(digest.into()), ..said(tag) };
        let held = with(r#""a" old"#, "sha-256:00");
        assert_eq!(same_file(&held, None, &with(r#""b" -"#, "sha-256:00"), None), Verdict::Proof);
        assert_eq!(same_file(&held, None, &with(r#""a" old"#, "sha-256:01"), None), Verdict::Changed);
        assert_eq!(same_file(&held, None, &with(r#""a" old"#, "sha-512:01"), None), Verdict::Proof);
    }

    #[test]
    fn only_answers_with_proof_are_split() {
        assert!(can_prove(&said(r#""a" -"#)));
        assert!(can_prove(&said("- old")));
        assert!(!can_prove(&said(r#""a" new"#)));
        assert!(!can_prove(&said("- -")));
    }
}
