use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::id::{ActorName, Key};

type Encode = fn(&ActorId) -> String;
type Decode = fn(&str) -> Result<ActorId, InvalidEscape>;

const ALL: [(Encode, Decode); 3] = [
    (segment::encode, segment::decode),
    (token::encode, token::decode),
    (file_name::encode, file_name::decode),
];

fn id(text: &str) -> ActorId {
    text.parse().unwrap()
}

/// Any id: names and keys of all lengths, keys of all characters that may stand.
fn any_id() -> impl Strategy<Value = ActorId> {
    let char = any::<char>().prop_filter("no key", |char| Key::new(&char.to_string()).is_ok());
    let key = proptest::collection::vec(char, 1..=Key::LENGTH_MAX).prop_map(|chars| {
        let text: String = chars.into_iter().collect();
        Key::new(&text[..text.floor_char_boundary(Key::LENGTH_MAX)]).unwrap()
    });
    let name = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}".prop_map(|name| ActorName::new(&name).unwrap());
    (name, proptest::option::of(key)).prop_map(|(name, key)| ActorId::new(name, key))
}

/// Ids that are nearly alike, of characters that escapes are made of.
fn like_ids() -> impl Strategy<Value = ActorId> {
    "[aA4](:[aAeE34=%:./é]{1,3})?".prop_map(|text| id(&text))
}

/// Texts of which some are escapes.
fn like_escapes() -> impl Strategy<Value = String> {
    "a?([aA:%=.é]|[=%](3[aA]|[46]1|[cC]3|[aA]4)|\\PC){0,6}"
}

proptest! {
    #[test]
    fn an_escape_is_read_back_as_its_id(id in any_id()) {
        prop_assert_eq!(segment::decode(&segment::encode(&id)), Ok(id.clone()));
        prop_assert_eq!(token::decode(&token::encode(&id)), Ok(id.clone()));
        let name = file_name::encode(&id);
        let stands = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let whole: usize = id.as_str().bytes().map(|byte| if stands(byte) { 1 } else { 3 }).sum();
        match file_name::decode(&name) {
            Err(InvalidEscape::Shortened(_)) => prop_assert!(whole > file_name::LENGTH_MAX, "{name}"),
            read => prop_assert_eq!(read, Ok(id)),
        }
    }

    #[test]
    fn two_ids_have_two_escapes(a in like_ids(), b in like_ids()) {
        for (encode, _) in ALL {
            prop_assert_eq!(encode(&a) == encode(&b), a == b);
        }
        prop_assert_eq!(file_name::encode(&a).eq_ignore_ascii_case(&file_name::encode(&b)), a == b);
    }

    #[test]
    fn an_escape_has_only_the_characters_of_its_place(id in any_id()) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let (segment, token, name) = (segment::encode(&id), token::encode(&id), file_name::encode(&id));
        prop_assert!(segment.bytes().all(|byte| plain(byte) || b"%.:~".contains(&byte)), "{segment}");
        prop_assert!(segment.len() <= segment::LENGTH_MAX);
        prop_assert!(token.bytes().all(|byte| plain(byte) || byte == b'='), "{token}");
        prop_assert!(!token.is_empty() && token.len() <= token::LENGTH_MAX);
        let fits = |byte: u8| (plain(byte) || byte == b'=') && !byte.is_ascii_uppercase();
        prop_assert!(name.bytes().all(fits), "{name}");
        prop_assert!(!name.is_empty() && name.len() <= file_name::LENGTH_MAX);
    }

    #[test]
    fn what_is_read_as_an_id_is_what_it_is_written_as(text in like_escapes()) {
        for (encode, decode) in &ALL[1..] {
            if let Ok(id) = decode(&text) {
                prop_assert_eq!(encode(&id), text.clone());
            }
        }
        // A segment may be spelt in several ways, all of one id.
        if let Ok(id) = segment::decode(&text) {
            prop_assert_eq!(segment::decode(&segment::encode(&id)), Ok(id));
        }
    }

    #[test]
    fn a_segment_stays_one_segment_of_a_url(id in any_id()) {
        let url = url::Url::parse(&format!("http://host/v1/actors/{}", segment::encode(&id))).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        prop_assert_eq!(segment::decode(segments[2]), Ok(id));
        prop_assert!(url.query().is_none() && url.fragment().is_none());
    }
}

#[test]
fn escapes_to_the_byte() {
    let table = [
        ("room", "room", "room", "room"),
        ("Room-1_a", "Room-1_a", "Room-1_a", "=52oom-1_a"),
        ("a..b", "a..b", "a=2E=2Eb", "a=2e=2eb"),
        ("room:42", "room:42", "room=3A42", "room=3a42"),
        ("room:a:b", "room:a:b", "room=3Aa=3Ab", "room=3aa=3ab"),
        ("room:älice", "room:%C3%A4lice", "room=3A=C3=A4lice", "room=3a=c3=a4lice"),
        ("a:/?#%", "a:%2F%3F%23%25", "a=3A=2F=3F=23=25", "a=3a=2f=3f=23=25"),
        ("a:..", "a:..", "a=3A=2E=2E", "a=3a=2e=2e"),
        ("a:*>=", "a:%2A%3E%3D", "a=3A=2A=3E=3D", "a=3a=2a=3e=3d"),
        ("a:~", "a:~", "a=3A=7E", "a=3a=7e"),
        ("a:+&;\\", "a:%2B%26%3B%5C", "a=3A=2B=26=3B=5C", "a=3a=2b=26=3b=5c"),
        ("con", "con", "con", "=63on"),
        ("lpt9", "lpt9", "lpt9", "=6cpt9"),
        ("com10", "com10", "com10", "com10"),
        ("CON", "CON", "CON", "=43=4f=4e"),
        ("nul:1", "nul:1", "nul=3A1", "nul=3a1"),
    ];
    for (text, segment, token, name) in table {
        let id = id(text);
        assert_eq!(segment::encode(&id), segment);
        assert_eq!(token::encode(&id), token);
        assert_eq!(file_name::encode(&id), name);
        for (encode, decode) in ALL {
            assert_eq!(decode(&encode(&id)).unwrap(), id);
        }
    }
}

#[test]
fn a_segment_is_read_as_clients_may_spell_it() {
    for spelling in ["room:%C3%A4", "room%3A%c3%a4", "%72oom:ä", "room:ä"] {
        assert_eq!(segment::decode(spelling).unwrap(), id("room:ä"));
    }
    for malformed in ["a:%", "a:%4", "a:%zz", "a:%%41", "a:%+1", "a:%é", "a/b", "a:b/", "a:?", "a#b"] {
        let error = segment::decode(malformed).unwrap_err();
        assert!(matches!(error, InvalidEscape::Malformed(_)), "{malformed}: {error}");
    }
    for not_utf8 in ["a:%FF", "a:%C3", "a:%ED%A0%80", "a:%C0%AF"] {
        let error = segment::decode(not_utf8).unwrap_err();
        assert!(matches!(error, InvalidEscape::NotUtf8(_)), "{not_utf8}: {error}");
    }
    for no_id in ["", ".", "..", "%2E%2E", "a:", "a:%00", "a:%20", "a:%E2%80%AE", "a%2Fb", "a b"] {
        let error = segment::decode(no_id).unwrap_err();
        assert!(matches!(error, InvalidEscape::Id(_)), "{no_id}: {error}");
    }
}

#[test]
fn tokens_and_file_names_are_read_in_one_spelling() {
    let tokens =
        ["", "a.b", "a:b", "a=3ab", "a=3A=62", "=61", "a=3A=", "a=3A=4", "a=3A=zz", "a%3Ab", "a=3Aä", "a=3A"];
    for text in tokens {
        assert!(token::decode(text).is_err(), "{text}");
    }
    let names =
        ["", "A", "a.b", "a:b", "a=3Ab", "a=3a=62", "=61", "a=3a=", "a=3a=zz", "con", "a%3ab", "..", "a=3a"];
    for text in names {
        assert!(file_name::decode(text).is_err(), "{text}");
    }
}

#[test]
fn the_longest_escapes_are_as_long_as_stated() {
    let dots = format!("a{}:{}", ".".repeat(63), "🦀".repeat(32));
    assert_eq!(token::encode(&id(&dots)).len(), token::LENGTH_MAX);
    assert_eq!(token::LENGTH_MAX, 577);
    assert_eq!(segment::encode(&id(&dots)).len(), segment::LENGTH_MAX);
    let plain = format!("{}:{}", "n".repeat(64), "k".repeat(128));
    assert_eq!(token::encode(&id(&plain)).len(), 195);
    // To the byte, as files that exist are found by it.
    let long = id(&format!("room:{}", "ä".repeat(64)));
    let kept = format!("room=3a{}", "=c3=a4".repeat(21));
    let digest = "48551e405d63646e34f668b996ab2dda55df8d1ecec7e062e3d8a8a5957873d4";
    assert_eq!(file_name::encode(&long), format!("{kept}=={digest}"));
}

#[test]
fn long_file_names_are_shortened_and_stay_apart() {
    // 200 bytes stand as they are; one more does not.
    let fits = id(&format!("n:{}{}", "k".repeat(88), "é".repeat(18)));
    assert_eq!(file_name::encode(&fits).len(), file_name::LENGTH_MAX);
    assert_eq!(file_name::decode(&file_name::encode(&fits)).unwrap(), fits);
    let name = file_name::encode(&id(&format!("{fits}k")));
    assert!(matches!(file_name::decode(&name), Err(InvalidEscape::Shortened(_))), "{name}");

    let beginning = format!("{}:{}", "N".repeat(64), "字".repeat(42));
    let ids = ["a", "b", "A", "é", ":", "=", "%"].map(|end| id(&format!("{beginning}{end}")));
    let names: HashSet<_> = ids.iter().map(|id| file_name::encode(id).to_ascii_lowercase()).collect();
    assert_eq!(names.len(), ids.len());
    for name in names {
        assert!(name.len() <= file_name::LENGTH_MAX, "{name}");
        assert!(matches!(file_name::decode(&name), Err(InvalidEscape::Shortened(_))), "{name}");
    }
}

#[test]
fn a_hostile_escape_is_shown_short_and_escaped() {
    for (_, decode) in ALL {
        for hostile in ["%\u{202e}\n".repeat(10_000), "==\u{1b}".repeat(10_000), "%FF\r".repeat(10_000)] {
            let message = decode(&hostile).unwrap_err().to_string();
            assert!(message.len() < 900 && !message.contains(char::is_control), "{message:?}");
        }
    }
}
