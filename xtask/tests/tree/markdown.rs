//! Markdown as far as it has to be understood here: sections, blocks of code, quoted names.

/// The text below the headings of the second level that contain `title`, up to the next of that level.
pub(crate) fn sections(document: &str, title: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut inside, mut fenced) = (false, false);
    for line in document.lines() {
        fenced ^= line.starts_with("```");
        match line.strip_prefix("## ").filter(|_| !fenced) {
            Some(heading) => {
                inside = heading.contains(title);
                found.extend(inside.then(String::new));
            }
            None if inside => {
                let section = found.last_mut().into_iter();
                section.for_each(|section| *section = format!("{section}{line}\n"));
            }
            None => {}
        }
    }
    found
}

/// What stands in backticks or in quotes.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['`', '"', '\''].into_iter().flat_map(move |quote| text.split(quote))
}

#[test]
fn a_section_ends_at_the_next_heading_of_its_level() {
    let document =
        "# Top\n## The file\none\n### Below\n```\n## no heading\n```\n## Other\ntwo\n## A file too\nthree\n";
    assert_eq!(sections(document, "file"), ["one\n### Below\n```\n## no heading\n```\n", "three\n"]);
    assert!(sections(document, "none").is_empty());
}
