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
fn the_imports_of_a_core_module_are_counted_for_each_instance() {
    let module =
        [MODULE, &section(1, &[1, 0x60, 0, 0]), &section(2, &[&[3], [0; 12].as_slice()].concat())].concat();
    // Another number for the same module by an export, two instances of the one and one of the other.
    let export = section(11, &[1, 0, 1, b'm', 0, 0x11, 0, 0]);
    let instances = section(2, &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    let bytes = [COMPONENT, &section(1, &module), &export, &instances].concat();
    // The export, three instances, and the imports of each.
    assert_eq!(found(&bytes, &INLINED), 1 + 3 + 3 * 3);
}

#[test]
fn what_instances_take_of_the_host_is_counted_for_each() {
    // Two globals, the second of which holds a function that has no other way out; three functions, one of them exported.
    let globals = section(6, &[2, 0x7f, 0, 0x41, 0, 0x0b, 0x70, 0, 0xd2, 0, 0x0b]);
    let functions = section(3, &[3, 0, 0, 0]);
    let (export, code) =
        (section(7, &[1, 1, b'f', 0, 1]), section(10, &[3, 2, 0, 0x0b, 2, 0, 0x0b, 2, 0, 0x0b]));
    let types = section(1, &[1, 0x60, 0, 0]);
    let passive = section(9, &[1, 1, 0, 4, 2, 2, 2, 2]);
    let module = |elements: &[u8]| [MODULE, &types, &functions, &globals, &export, elements, &code].concat();
    let of = |module: &[u8], instances: &[u8]| {
        found(&[COMPONENT, &section(1, module), &section(2, instances)].concat(), &INSTANCES)
    };
    let none = found(&[COMPONENT, &section(1, MODULE)].concat(), &INSTANCES);
    let one = |module: &[u8]| of(module, &[1, 0, 0, 0]) - none;
    let empty = one(MODULE);
    assert_eq!(one(&module(&[])) - empty, 2 * 16 + 2 * 32);
    assert_eq!(of(&module(&[]), &[2, 0, 0, 0, 0, 0, 0]) - none, 2 * one(&module(&[])));
    // No more references than functions; and each element is kept.
    assert_eq!(one(&module(&passive)) - one(&module(&[])), 32 + 64 + 4 * 16);
}

#[test]
fn what_is_written_before_an_instance_runs_is_counted_for_each() {
    let of = |module: &[u8], instances: &[u8]| {
        found(&[COMPONENT, &section(1, module), &section(2, instances)].concat(), &FILLED)
    };
    let (one, three) = ([1, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // Two bytes at `(i32.const 0)`, and one that is for no place yet.
    let data = [MODULE, &section(11, &[2, 0, 0x41, 0, 0x0b, 2, b'x', b'y', 1, 1, b'z'])].concat();
    assert_eq!(of(&data, &one), 2 + 3 * 32);
    assert_eq!(of(&data, &three), 3 * of(&data, &one));
    // Three elements at the same place, and a global.
    let elements = [MODULE, &section(9, &[1, 0, 0x41, 0, 0x0b, 3, 0, 0, 0])].concat();
    assert_eq!(of(&elements, &one), 9 * 256);
    let globals = [MODULE, &section(6, &[1, 0x7f, 0, 0x41, 0, 0x0b])].concat();
    assert_eq!(of(&globals, &three), 3 * 6 * 32);
    // Two tables of five elements: of null, and of a function.
    let table = [&[2, 0x70, 0, 5, 0x40, 0, 0x70, 0, 5], [0xd2, 0, 0x0b].as_slice()].concat();
    assert_eq!(of(&[MODULE, &section(4, &table)].concat(), &three), 3 * 5 * 64);
    assert_eq!(of(&globals, &[0]), 0, "one that is not instantiated");
}

#[test]
fn a_module_that_is_not_known_takes_what_the_largest_does() {
    // A component imports a module and makes an instance of it; the outer one has another, and gives it.
    let module_type = section(3, &[1, 0x50, 0]);
    let inner =
        [COMPONENT, &module_type, &section(10, &[1, 0, 1, b'm', 0, 0x11, 0]), &section(2, &[1, 0, 0, 0])];
    let globals = [MODULE, &section(6, &[1, 0x7f, 0, 0x41, 0, 0x0b])].concat();
    let bytes =
        [COMPONENT, &section(4, &inner.concat()), &section(1, &globals), &section(5, &[1, 0, 0, 0])].concat();
    let known = [COMPONENT, &section(1, &globals), &section(2, &[1, 0, 0, 0])].concat();
    assert_eq!(found(&bytes, &INSTANCES), found(&known, &INSTANCES) + 512);
    assert_eq!(found(&bytes, &FILLED), found(&known, &FILLED));
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
    assert_eq!(found(&function(1, &BRANCH), &CARRIED), 1, "a small function costs its locals");
    assert_eq!(found(&function(1_000, &BRANCH.repeat(500)), &CARRIED), 1_001_000);
    let says =
        "it has 16002000 locals times branches of one core function, more than the 4000000 that it may have";
    assert!(refusal(&function(2_000, &BRANCH.repeat(4_000))).ends_with(says));
}

#[test]
fn a_limited_compiler_is_given_more_of_what_only_makes_it_slow() {
    let not_optimised = function(2_000, &BRANCH.repeat(4_000));
    assert!(refusal(&not_optimised).contains(CARRIED.what));
    measure_apart("x.wasm", &not_optimised).unwrap();
    let refused = measure_apart("x.wasm", &function(2_000, &BRANCH.repeat(20_000))).unwrap_err().to_string();
    let says =
        "it has 80002000 locals times branches of one core function, more than the 64000000 that it may have";
    assert!(refused.ends_with(says), "{refused}");
    // Of all else, as much as anywhere.
    let nested = nested(LEVELS.max.try_into().unwrap(), MODULE, 1);
    let refused = measure_apart("x.wasm", &nested).unwrap_err().to_string();
    assert!(refused.contains("more than the 32 that it may have"), "{refused}");
}

#[test]
fn locals_are_counted_where_nothing_branches() {
    let count = 401;
    let body = [&[1], number(50_000).as_slice(), &[0x7f, 0x0b]].concat();
    let code = [number(count), [number(body.len()), body].concat().repeat(count)].concat();
    let types = [number(count), vec![0; count]].concat();
    let sections = [section(1, &[1, 0x60, 0, 0]), section(3, &types), section(10, &code)].concat();
    let component = [COMPONENT, &section(1, &[MODULE, &sections].concat())].concat();
    let says = "it has 20050000 locals and parameters of all core functions";
    assert!(refusal(&component).contains(says), "{}", refusal(&component));
    let refused = measure_apart("x.wasm", &component).unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
}

#[test]
fn each_target_of_a_table_is_a_branch() {
    let table = [&[0x20, 0, 0x0e], number(1_000).as_slice(), &[0; 1_001]].concat();
    assert_eq!(found(&function(1, &table.repeat(50)), &CARRIED), 50_051);
    let refusal = refusal(&function(1, &table.repeat(4_000)));
    assert!(refusal.contains("bytes of one core function"), "{refusal}");
}

/// A segment of one byte at this place of a memory: an `i32.const`, or an `i64.const`.
fn segment(memory: usize, constant: u8, place: i64) -> Vec<u8> {
    let mut offset = Vec::new();
    leb128(&mut offset, place);
    [&[2], number(memory).as_slice(), &[constant], &offset, &[0x0b, 1, b'x']].concat()
}

/// A signed number as the binary format has it.
fn leb128(bytes: &mut Vec<u8>, mut number: i64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        let is_last = (number == 0 && low & 0x40 == 0) || (number == -1 && low & 0x40 != 0);
        bytes.push(if is_last { low } else { low | 0x80 });
        if is_last {
            return;
        }
    }
}

fn with_data(segments: &[Vec<u8>]) -> Vec<u8> {
    let data = section(11, &[number(segments.len()), segments.concat()].concat());
    [COMPONENT, &section(1, &[MODULE, &data].concat())].concat()
}

#[test]
fn what_the_first_contents_of_a_memory_span_is_counted_for_each_memory() {
    const I32: u8 = 0x41;
    const I64: u8 = 0x42;
    let one = [segment(0, I32, 5_000), segment(0, I32, 999), segment(0, I32, 2_000)];
    assert_eq!(found(&with_data(&one), &IMAGES), 4_002);
    let other = [segment(1, I32, 0), segment(1, I32, 7)];
    assert_eq!(found(&with_data(&[one.as_slice(), &other].concat()), &IMAGES), 4_010);
    // A passive one, and one without a byte.
    let without = [vec![1, 1, b'x'], vec![0, I32, 0, 0x0b, 0], segment(0, I32, 1_000_000)];
    assert_eq!(found(&with_data(&without), &IMAGES), 1);
    // One whose place is computed: `(i32.add (i32.const 0) (i32.const 0))`.
    let computed = [vec![0, I32, 0, I32, 0, 0x6a, 0x0b, 1, b'x'], segment(0, I32, 1_000_000)];
    assert_eq!(found(&with_data(&computed), &IMAGES), 1);
    for far in
        [segment(0, I32, -1), segment(0, I64, i64::MAX), segment(0, I64, -1), segment(0, I64, i64::MIN)]
    {
        let refused = refusal(&with_data(&[segment(0, I32, 0), far.clone()]));
        assert!(refused.contains(IMAGES.what), "{refused}");
        // Alone, it spans itself; the last of all has no place after it.
        assert!(found(&with_data(&[far]), &IMAGES) <= 1);
    }
    let many: Vec<_> =
        (0..17).flat_map(|memory| [segment(memory, I32, 0), segment(memory, I32, 16 << 20)]).collect();
    assert!(
        refusal(&with_data(&many))
            .contains("it has 268435472 bytes that the first contents of memories span")
    );
}

#[test]
fn tables_are_counted_by_their_first_sizes() {
    let table = [&[0x70, 0], number(1_000_000).as_slice()].concat();
    let module = [MODULE, &section(4, &[&[2], table.as_slice(), &table].concat())].concat();
    assert!(
        refusal(&[COMPONENT, &section(1, &module)].concat()).contains("it has 1000001 elements of tables")
    );
}
