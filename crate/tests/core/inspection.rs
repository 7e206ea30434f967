use crate::host::{load, load_real, runtime};
use wasiexec::{DetailedExtern, EntryKind, Inspection, LoadOptions, MemoryInfo, Producer};

fn inspect(name: &str) -> Inspection {
    load(name).inspect().expect("an inspection")
}

/// Name, kind and type of each extern, and whether it is provided.
fn lines(externs: &[DetailedExtern]) -> Vec<String> {
    let line = |e: &DetailedExtern| {
        let provided = match e.provided {
            Some(true) => "",
            Some(false) => " (missing)",
            None => " (ours)",
        };
        format!("{} {} {}{provided}", e.info.name, e.info.kind, e.type_text)
    };
    externs.iter().map(line).collect()
}

const ONE_PAGE: MemoryInfo = MemoryInfo {
    minimum_pages: 1,
    maximum_pages: None,
    page_bytes: 65_536,
    is64: false,
    shared: false,
    imported: false,
};

#[test]
fn a_module_tells_its_types_and_what_is_missing() {
    let inspection = inspect("unresolved-import");
    assert_eq!(inspection.entry, EntryKind::Command);
    assert_eq!(
        lines(&inspection.imports),
        [
            "foo function (i32) -> i32 (missing)",
            "bar memory 1 page or more (missing)",
            "fd_write function (i32, i32, i32, i32) -> i32",
        ]
    );
    assert_eq!(
        lines(&inspection.exports),
        [
            "memory memory 1 page or more (ours)",
            "_start function () (ours)"
        ]
    );
    let imported = MemoryInfo {
        imported: true,
        ..ONE_PAGE
    };
    assert_eq!(inspection.memories, [imported]);
    let problem = inspection.problem.expect("a problem");
    assert_eq!(problem.code, "ERR_UNRESOLVED_IMPORT");
    assert!(problem.message.contains("env.foo"), "{}", problem.message);
}

#[test]
fn a_component_tells_what_its_interfaces_have() {
    let inspection = inspect("component-imports-nn");
    assert_eq!(inspection.entry, EntryKind::Command);
    assert_eq!(
        lines(&inspection.imports),
        ["wasi:nn/types@0.2.0 instance 1 function, 1 resource (missing)"]
    );
    assert_eq!(
        lines(&inspection.exports),
        ["wasi:cli/run@0.2.0 instance 1 function (ours)"]
    );
    assert!(inspection.problem.is_some());
    let inspection = inspect("component-hello");
    assert!(inspection.imports.iter().all(|e| e.provided == Some(true)));
    assert!(inspection.problem.is_none());
    assert!(!inspection.memories.is_empty());
}

#[test]
fn entry_points_are_told_apart() {
    for (name, entry) in [
        ("hello", EntryKind::Command),
        ("reactor", EntryKind::Reactor),
        ("no-start", EntryKind::None),
        ("start-is-global", EntryKind::None),
        ("component-no-command", EntryKind::Reactor),
    ] {
        let inspection = inspect(name);
        assert_eq!(inspection.entry, entry, "{name}");
        assert_eq!(
            inspection.problem.is_none(),
            entry == EntryKind::Command,
            "{name}"
        );
    }
}

#[test]
fn memories_are_told_with_their_limits() {
    assert_eq!(inspect("hello").memories, [ONE_PAGE]);
    assert_eq!(inspect("two-memories").memories.len(), 2);
    assert!(inspect("memory64").memories[1].is64);
    assert!(
        inspect("grow-past-maximum").memories[0]
            .maximum_pages
            .is_some()
    );
}

#[test]
fn producers_are_told_of_modules_and_of_those_in_components() {
    let of = |name, field: &str| {
        let inspection = load_real(name).inspect().expect("an inspection");
        let made = inspection.producers.get(field).cloned();
        made.expect("producers")
    };
    let clang = of("crash", "processed-by");
    assert!(
        matches!(&clang[..], [Producer { name, version }] if name == "clang" && !version.is_empty())
    );
    let tools = of("rust-p2", "processed-by");
    // The first is a producer of the component itself, the second a producer of the module in it.
    for wanted in ["wit-component", "rustc"] {
        assert!(
            tools.iter().any(|tool| tool.name == wanted),
            "{wanted}: {tools:?}"
        );
    }
    assert!(
        of("rust-p2", "language")
            .iter()
            .any(|language| language.name == "Rust")
    );
    assert!(inspect("hello").producers.is_empty());
}

/// All producers are different: comparing each with all others would take hours.
#[test]
fn a_million_producers_are_told_in_seconds() {
    const COUNT: usize = 1_000_000;
    let leb = |number: usize| -> Vec<u8> {
        let low = |shift: usize| (number >> shift) as u8 & 0x7f;
        vec![low(0) | 0x80, low(7) | 0x80, low(14) | 0x80, low(21)]
    };
    let text = |text: &str| [leb(text.len()), text.into()].concat();
    let mut section = [text("producers"), leb(1), text("sdk"), leb(COUNT)].concat();
    for number in 0..COUNT {
        section.extend([text(&number.to_string()), text("")].concat());
    }
    let mut wasm = b"\0asm\x01\0\0\0\0".to_vec();
    wasm.extend(leb(section.len()));
    wasm.extend(section);
    let program = runtime().load(wasm, LoadOptions::named("made-by-many"));
    let inspection = program.expect("a program").inspect();
    let producers = inspection.expect("an inspection").producers;
    assert_eq!(producers["sdk"].len(), COUNT);
    assert_eq!(producers["sdk"][COUNT - 1].name, "999999");
}
