//! Components that are cheap to send and dear to compile, made byte by byte. Each exports what an actor does, so that a
//! host goes as far as compiling it; none is one.

/// What a component begins with.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// What a core module begins with.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// What a serial actor exports.
const ACTOR: &str = "pulsing:actor/actor@0.2.0";

/// The type of a function that takes and returns nothing, alone in its section.
const NO_TYPE: [u8; 4] = [1, 0x60, 0, 0];
/// `(br_if 0 (local.get 0))`
const BRANCH: [u8; 4] = [0x20, 0, 0x0d, 0];

/// A number as the binary format has it (LEB128).
fn number(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn length(bytes: &[u8]) -> Vec<u8> {
    number(u32::try_from(bytes.len()).expect("bombs are small"))
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], length(body).as_slice(), body].concat()
}

/// A component with these sections, which exports an empty instance under an actor's name.
fn actor(sections: &[u8]) -> Vec<u8> {
    let instance = section(5, &[1, 1, 0]);
    let name = length(ACTOR.as_bytes());
    let export = section(11, &[&[1, 0], name.as_slice(), ACTOR.as_bytes(), &[5, 0, 0]].concat());
    [COMPONENT, &instance, &export, sections].concat()
}

/// A component that imports an empty instance, by a name that may be none.
#[must_use]
pub fn importing(name: &str) -> Vec<u8> {
    let instance_type = section(7, &[1, 0x42, 0]);
    let import = [&[1, 0], length(name.as_bytes()).as_slice(), name.as_bytes(), &[5, 0]].concat();
    actor(&[instance_type, section(10, &import)].concat())
}

/// Components within each other.
#[must_use]
pub fn nested_components(levels: usize) -> Vec<u8> {
    // From the inside: each is told how long all within it is.
    let mut heads = Vec::new();
    let mut within = 0;
    for _ in 0..levels {
        within += COMPONENT.len();
        let head = [&[4], number(u32::try_from(within).expect("bombs are small")).as_slice()].concat();
        within += head.len();
        heads.push(head);
    }
    let outside_in = heads.iter().rev().flat_map(|head| [head.as_slice(), COMPONENT].concat());
    actor(&outside_in.collect::<Vec<_>>())
}

/// Types of components within each other.
#[must_use]
pub fn nested_component_types(levels: usize) -> Vec<u8> {
    nested_types(0x41, levels)
}

/// Types of instances within each other.
#[must_use]
pub fn nested_instance_types(levels: usize) -> Vec<u8> {
    nested_types(0x42, levels)
}

fn nested_types(kind: u8, levels: usize) -> Vec<u8> {
    let around = [kind, 1, 1].repeat(levels.saturating_sub(1));
    actor(&section(7, &[&[1], around.as_slice(), &[kind, 0]].concat()))
}

/// A core module in which each of these is the body of a function.
fn module(bodies: &[Vec<u8>]) -> Vec<u8> {
    let count = number(u32::try_from(bodies.len()).expect("bombs are small"));
    let functions = [count.as_slice(), &vec![0; bodies.len()]].concat();
    let code: Vec<u8> = bodies.iter().flat_map(|body| [length(body), body.clone()].concat()).collect();
    let code = [count, code].concat();
    [MODULE, &section(1, &NO_TYPE), &section(3, &functions), &section(10, &code)].concat()
}

/// One function: so many locals, each of which is incremented in a loop that has so many ways back.
#[must_use]
pub fn locals(locals: u32, branches: usize) -> Vec<u8> {
    let increment =
        |local| [&[0x20], number(local).as_slice(), &[0x41, 1, 0x6a, 0x21], &number(local)].concat();
    let increments: Vec<u8> = (0..locals).flat_map(increment).collect();
    let head = [&[1], number(locals).as_slice(), &[0x7f, 0x03, 0x40]].concat();
    let body = [head.as_slice(), &increments, &BRANCH.repeat(branches), &[0x0b, 0x0b]].concat();
    actor(&section(1, &module(&[body])))
}

/// So many functions, of five instructions each.
#[must_use]
pub fn functions(count: usize) -> Vec<u8> {
    // `(drop (i32.add (i32.const 1) (i32.const 2))) nop`
    let body = [0, 0x41, 1, 0x41, 2, 0x6a, 0x1a, 0x01, 0x0b];
    actor(&section(1, &module(&vec![body.to_vec(); count])))
}

/// One function that branches by so many tables, each of so many targets.
#[must_use]
pub fn branch_tables(tables: usize, targets: u32) -> Vec<u8> {
    let zeros = vec![0; usize::try_from(targets).expect("bombs are small")];
    let table = [&[0x02, 0x40, 0x20, 0, 0x0e], number(targets).as_slice(), &zeros, &[0, 0x0b]].concat();
    let body = [&[1, 1, 0x7f, 0x02, 0x40], table.repeat(tables).as_slice(), &[0x0b, 0x0b]].concat();
    actor(&section(1, &module(&[body])))
}

/// Components, each of which instantiates the one before it twice.
#[must_use]
pub fn doubling(times: u32) -> Vec<u8> {
    let first = [COMPONENT, &section(1, MODULE), &section(2, &[1, 0, 0, 0])].concat();
    let twice = section(5, &[2, 0, 0, 0, 0, 0, 0]);
    let of = |before| {
        [COMPONENT, &section(6, &[&[1, 4, 2, 1], number(before).as_slice()].concat()), &twice].concat()
    };
    let all = (0..times).flat_map(|before| section(4, &of(before)));
    let sections: Vec<u8> = section(4, &first).into_iter().chain(all).collect();
    let last = section(5, &[&[1, 0], number(times).as_slice(), &[0]].concat());
    actor(&[sections, last].concat())
}

/// A core module with so many imports, and so many instances of it.
#[must_use]
pub fn instances(imports: u32, instances: u32) -> Vec<u8> {
    let count = |count: u32, each: &[u8]| {
        [number(count), each.repeat(usize::try_from(count).expect("bombs are small"))].concat()
    };
    let imported = section(2, &count(imports, &[0, 0, 0, 0]));
    let module = [MODULE, &section(1, &NO_TYPE), &imported].concat();
    actor(&[section(1, &module), section(2, &count(instances, &[0, 0, 0]))].concat())
}

/// The operand of an `i32.const`, which is signed: the largest form, of five bytes.
fn constant(number: u32) -> Vec<u8> {
    let part = |at: u32| u8::try_from(number.checked_shr(7 * at).unwrap_or(0) & 0x7f).expect("seven bits");
    (0..5).map(|at| if at < 4 { part(at) | 0x80 } else { part(at) }).collect()
}

/// Tables of so many elements, the last of which is set.
#[must_use]
pub fn tables(count: u8, elements: u32) -> Vec<u8> {
    let last = constant(elements - 1);
    let table = [&[0x70, 0], number(elements).as_slice()].concat();
    let segment = |table| [&[2, table, 0x41], last.as_slice(), &[0x0b, 0, 1, 0]].concat();
    let segments: Vec<u8> = (0..count).flat_map(segment).collect();
    let body = [1, 2, 0, 0x0b];
    let module = [
        MODULE,
        &section(1, &NO_TYPE),
        &section(3, &[1, 0]),
        &section(4, &[&[count], table.repeat(count.into()).as_slice()].concat()),
        &section(9, &[&[count], segments.as_slice()].concat()),
        &section(10, &body),
    ];
    actor(&section(1, &module.concat()))
}

/// A module with so many memories, each of which has a byte at its begin and one so many bytes later.
#[must_use]
pub fn images(memories: u32, apart: u32) -> Vec<u8> {
    let memory = [&[0], number(apart.div_ceil(1 << 16) + 1).as_slice()].concat();
    let memories_section = [number(memories), memory.repeat(memories as usize)].concat();
    let segment = |memory, place| {
        [&[2], number(memory).as_slice(), &[0x41], &constant(place), &[0x0b, 1, b'x']].concat()
    };
    let segments: Vec<u8> =
        (0..memories).flat_map(|memory| [segment(memory, 0), segment(memory, apart)].concat()).collect();
    let data = [number(2 * memories), segments].concat();
    actor(&section(1, &[MODULE, &section(5, &memories_section), &section(11, &data)].concat()))
}

/// An actor's component with one more core module, and so many instances of it, which nobody uses.
///
/// # Panics
///
/// Where `component` is none.
#[must_use]
pub fn hoarding(component: &[u8], module: &[u8], instances: u32) -> Vec<u8> {
    let another = [&[0], number(core_modules(component)).as_slice(), &[0]].concat();
    let all = another.repeat(usize::try_from(instances).expect("bombs are small"));
    [component, &section(1, module), &section(2, &[number(instances), all].concat())].concat()
}

/// How many core modules a component has at its outermost level.
fn core_modules(component: &[u8]) -> u32 {
    let (mut rest, mut modules) = (component.split_at(COMPONENT.len()).1, 0);
    while let [id, body @ ..] = rest {
        let digits = body.iter().position(|byte| *byte < 0x80).expect("a section has a length") + 1;
        let (length, body) = body.split_at(digits);
        let length = length.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        modules += u32::from(*id == 1);
        rest = body.split_at(length).1;
    }
    modules
}

/// A core module with so many globals.
#[must_use]
pub fn globals(count: u32) -> Vec<u8> {
    // `(global i32 (i32.const 0))`
    let global = [0x7f, 0, 0x41, 0, 0x0b];
    let all = global.repeat(usize::try_from(count).expect("bombs are small"));
    [MODULE, &section(6, &[number(count), all].concat())].concat()
}

/// A core module with a segment of so many elements that is for no table yet.
#[must_use]
pub fn passive_elements(count: u32) -> Vec<u8> {
    let elements = vec![0; usize::try_from(count).expect("bombs are small")];
    let segment = [&[1, 1, 0], number(count).as_slice(), &elements].concat();
    let code = section(10, &[1, 2, 0, 0x0b]);
    [MODULE, &section(1, &NO_TYPE), &section(3, &[1, 0]), &section(9, &segment), &code].concat()
}

/// A core module with so many functions, each of which can be called from elsewhere.
#[must_use]
pub fn exported_functions(count: u32) -> Vec<u8> {
    let times = usize::try_from(count).expect("bombs are small");
    let export = |function: u32| {
        let name = function.to_string();
        [length(name.as_bytes()).as_slice(), name.as_bytes(), &[0], &number(function)].concat()
    };
    let exports: Vec<u8> = (0..count).flat_map(export).collect();
    let section_of = |id, all: Vec<u8>| section(id, &[number(count), all].concat());
    let (functions, code) = (section_of(3, vec![0; times]), section_of(10, [2, 0, 0x0b].repeat(times)));
    [MODULE, &section(1, &NO_TYPE), &functions, &section_of(7, exports), &code].concat()
}

/// A core module with so many tables of one element.
#[must_use]
pub fn small_tables(count: u32) -> Vec<u8> {
    let all = [0x70, 0, 1].repeat(usize::try_from(count).expect("bombs are small"));
    [MODULE, &section(4, &[number(count), all].concat())].concat()
}

/// A core module with a table of so many elements, which so many segments fill, one after the other, from a place that is
/// computed.
#[must_use]
pub fn filled_tables(elements: u32, segments: u32) -> Vec<u8> {
    let all = vec![0; usize::try_from(elements).expect("bombs are small")];
    // `(i32.add (i32.const 0) (i32.const 0))`
    let segment = [&[0, 0x41, 0, 0x41, 0, 0x6a, 0x0b], number(elements).as_slice(), &all].concat();
    let segments =
        [number(segments), segment.repeat(usize::try_from(segments).expect("bombs are small"))].concat();
    let table = [&[1, 0x70, 0], number(elements).as_slice()].concat();
    let code = section(10, &[1, 2, 0, 0x0b]);
    let sections = [section(3, &[1, 0]), section(4, &table), section(9, &segments), code];
    [MODULE, &section(1, &NO_TYPE), &sections.concat()].concat()
}
