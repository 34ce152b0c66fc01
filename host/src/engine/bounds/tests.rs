use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A number as the binary format has it (LEB128).
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], number(body.len()).as_slice(), body].concat()
}

fn nested(levels: usize, innermost: &[u8], id: u8) -> Vec<u8> {
    let around = |within: Vec<u8>| [COMPONENT, &section(4, &within)].concat();
    let first = [COMPONENT, &section(id, innermost)].concat();
    (0..levels).fold(first, |within, _| around(within))
}

/// Types of a component, or of an instance, within each other.
fn types(kind: u8, levels: usize) -> Vec<u8> {
    let around = [kind, 1, 1].repeat(levels - 1);
    [COMPONENT, &section(7, &[&[1], around.as_slice(), &[kind, 0]].concat())].concat()
}

fn found(bytes: &[u8], bound: &Bound) -> u64 {
    let all = measure("x.wasm", bytes).unwrap();
    all.iter().find(|measure| measure.what == bound.what).unwrap().found
}

fn refusal(bytes: &[u8]) -> String {
    measure("x.wasm", bytes).unwrap_err().to_string()
}

#[test]
fn components_and_modules_are_counted_to_the_last_level_that_there_may_be() {
    let max = usize::try_from(LEVELS.max).unwrap();
    // A component around a module are two levels.
    let bytes = nested(max - 2, MODULE, 1);
    assert_eq!(found(&bytes, &LEVELS), LEVELS.max);
    assert_eq!(found(&bytes, &COMPONENTS), LEVELS.max - 2);
    assert_eq!(found(&bytes, &MODULES), 1);
    assert_eq!(
        refusal(&nested(max - 1, MODULE, 1)),
        "x.wasm: costs too much to compile: it has 33 levels of components and modules within each other, more than the \
         32 that it may have"
    );
}

#[test]
fn types_are_counted_to_the_last_level_that_there_may_be_and_not_read_beyond() {
    for kind in [0x41, 0x42] {
        let max = usize::try_from(TYPE_LEVELS.max).unwrap();
        assert_eq!(found(&types(kind, max), &TYPE_LEVELS), TYPE_LEVELS.max);
        let says = "it has 33 levels of component types within each other, more than the 32 that it may have";
        for levels in [max + 1, 1_500, 1_000_000] {
            assert!(refusal(&types(kind, levels)).ends_with(says), "{levels}");
        }
    }
}

#[test]
fn types_beside_each_other_are_read_to_their_end() {
    // An instance's type with a type, an alias of it, an export, and another type; and a function's.
    let instance = [0x42, 4, 1, 0x73, 2, 3, 2, 0, 0, 4, 0, 1, b'a', 3, 0, 0, 1, 0x7f];
    let bytes = [&[2], instance.as_slice(), &[0x40, 0, 1, 0]].concat();
    let bytes = [COMPONENT, &section(7, &bytes)].concat();
    assert_eq!(found(&bytes, &TYPES), 6);
    assert_eq!(found(&bytes, &TYPE_LEVELS), 1);
    assert!(refusal(&bytes[..bytes.len() - 1]).contains("is damaged or cut short"));
}

#[test]
fn what_says_that_it_has_more_than_there_are_bytes_is_taken_at_its_word() {
    let functions = [MODULE, &section(3, &number(4_000_000_000))].concat();
    let says = "it has 4000000000 core functions, more than the 90000 that it may have";
    assert!(refusal(&[COMPONENT, &section(1, &functions)].concat()).ends_with(says));
}

/// A component with a component that has one definition, and as many more, each of which instantiates the one before it
/// twice.
fn doubling(times: usize) -> Vec<u8> {
    let instances = section(5, &[2, 0, 0, 0, 0, 0, 0]);
    let mut bytes =
        [COMPONENT, &section(4, &[COMPONENT, &section(1, MODULE), &section(2, &[1, 0, 0, 0])].concat())]
            .concat();
    for before in 0..times {
        let alias = section(6, &[&[1, 4, 2, 1], number(before).as_slice()].concat());
        bytes.extend(section(4, &[COMPONENT, &alias, &instances].concat()));
    }
    bytes.extend(section(5, &[&[1, 0], number(times).as_slice(), &[0]].concat()));
    bytes
}

#[test]
fn what_is_instantiated_is_counted_each_time() {
    // An instance is a definition, and so is an alias: 1, 2 × 1 + 3, 2 × 5 + 3, and one more around them.
    assert_eq!(found(&doubling(2), &INLINED), 14);
    assert!(refusal(&doubling(64)).contains(INLINED.what), "{}", refusal(&doubling(64)));
}

#[test]
fn a_component_that_instantiates_what_it_is_given_is_refused() {
    // A type of components, an import of one, and an instance of that.
    let component_type = section(7, &[1, 0x41, 0]);
    let import = section(10, &[1, 0, 1, b'a', 4, 0]);
    let bytes = [COMPONENT, &component_type, &import, &section(5, &[1, 0, 0, 0])].concat();
    assert!(
        refusal(&bytes).contains("it has 1 instances of components that it imports"),
        "{}",
        refusal(&bytes)
    );
    assert_eq!(found(&bytes[..bytes.len() - 6], &GIVEN), 0, "one that is not instantiated costs nothing");
}

/// A component with a module with one function.
fn function(locals: usize, body: &[u8]) -> Vec<u8> {
    let body = [&[1], number(locals).as_slice(), &[0x7f], body, &[0x0b]].concat();
    let code = [&[1], number(body.len()).as_slice(), &body].concat();
    let sections = [section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)].concat();
    [COMPONENT, &section(1, &[MODULE, &sections].concat())].concat()
}

/// `(br_if 0 (local.get 0))`
const BRANCH: [u8; 4] = [0x20, 0, 0x0d, 0];

#[test]
fn locals_are_counted_for_each_branch() {
    assert_eq!(found(&function(1, &BRANCH), &CARRIED), 0, "a small function costs little");
    assert_eq!(found(&function(1_000, &BRANCH.repeat(500)), &CARRIED), 1_000_000);
    let says =
        "it has 16000000 locals times branches of one core function, more than the 4000000 that it may have";
    assert!(refusal(&function(2_000, &BRANCH.repeat(4_000))).ends_with(says));
}

#[test]
fn each_target_of_a_table_is_a_branch() {
    let table = [&[0x20, 0, 0x0e], number(1_000).as_slice(), &[0; 1_001]].concat();
    assert_eq!(found(&function(1, &table.repeat(50)), &CARRIED), 50_050);
    let refusal = refusal(&function(1, &table.repeat(4_000)));
    assert!(refusal.contains("bytes of one core function"), "{refusal}");
}

#[test]
fn tables_are_counted_by_their_first_sizes() {
    let table = [&[0x70, 0], number(1_000_000).as_slice()].concat();
    let module = [MODULE, &section(4, &[&[2], table.as_slice(), &table].concat())].concat();
    assert!(
        refusal(&[COMPONENT, &section(1, &module)].concat()).contains("it has 1000001 elements of tables")
    );
}
