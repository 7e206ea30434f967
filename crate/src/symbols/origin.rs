//! Which frame of a trap is the program's own.
//!
//! A panic of Rust traps in the functions that report panics, and a bad pointer often does in a function of the C library.
//! Whoever wrote the program looks for the line from which these were called.

use crate::guest::Frame;

/// Marks the frames that are part of a language's own library or runtime.
pub(super) fn mark(frames: &mut [Frame]) {
    for frame in frames {
        frame.library = is_of_language(frame);
    }
}

/// The number of the frame whose source the program's author has written: the first one that is not part of a language's
/// own library or runtime. None without frames. Frames have been [marked](mark).
pub(super) fn of_program(frames: &[Frame]) -> Option<usize> {
    let position = |is_known: fn(&Frame) -> bool| {
        let mut frames = frames.iter();
        frames.position(|frame| is_known(frame) && !frame.library)
    };
    let with_source = position(|frame| frame.file.is_some());
    let with_name = || position(|frame| frame.function.is_some());
    let first = || (!frames.is_empty()).then_some(0);
    with_source.or_else(with_name).or_else(first)
}

/// Parts of the paths of files that come with a language.
const FILES: [&str; 20] = [
    // Rust, by its own builds and by Debian's.
    "/rustc/",
    "/rustlib/src/",
    "/usr/src/rustc-",
    // Zig.
    "/lib/std/",
    "/lib/libc/",
    "/lib/compiler_rt",
    // C and C++.
    "/libc-bottom-half/",
    "/libc-top-half/",
    "/dlmalloc/",
    "/compiler-rt/",
    "/libcxx/",
    "/libcxxabi/",
    "/c++/v1/",
    "/emscripten/system/",
    // Go and TinyGo.
    "/src/runtime/",
    "/src/internal/",
    "/src/reflect/",
    // Swift.
    "/swift/stdlib/",
    "/swift/include/",
    // Python's own library, frozen.
    "/<frozen ",
];

/// Paths that begin so.
const ROOTS: [&str; 8] = [
    // Rust and Go, where paths are cut.
    "library/core/",
    "library/alloc/",
    "library/std/",
    "library/panic_",
    "runtime/",
    "internal/",
    // AssemblyScript.
    "~lib/",
    "<compiler-generated>",
];

fn is_file_of_language(file: &str) -> bool {
    let file = file.replace('\\', "/");
    FILES.iter().any(|part| file.contains(part)) || ROOTS.iter().any(|root| file.starts_with(root))
}

/// Names that begin so, whatever their file.
const NAMES: [&str; 14] = [
    "core::",
    "alloc::",
    "std::",
    "panic_abort::",
    "panic_unwind::",
    "rust_panic",
    "rust_begin_unwind",
    "__rust",
    "__cxa_",
    "runtime.",
    "internal/",
    "swift_",
    "_swift_",
    "~lib/",
];

/// Names of functions without a file that are not a program's own.
const WITHOUT_FILE: [&str; 11] = [
    "_start",
    "_initialize",
    "abort",
    "__assert_fail",
    "__main_void",
    "raise",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "strlen",
];

fn is_of_language(frame: &Frame) -> bool {
    if frame.file.as_deref().is_some_and(is_file_of_language) {
        return true;
    }
    let Some(function) = &frame.function else {
        return false;
    };
    // A method of a type, or of a trait for it: `<core::option::Option<T>>::unwrap`.
    let name = function.trim_start_matches(['<', '&', '*']);
    NAMES.iter().any(|start| name.starts_with(start))
        || frame.file.is_none() && WITHOUT_FILE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(frames: &[(&str, &str)]) -> Vec<Frame> {
        let text = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        let frame = |(function, file): &(&str, &str)| Frame {
            function: text(function),
            file: text(file),
            ..Frame::default()
        };
        let mut frames: Vec<_> = frames.iter().map(frame).collect();
        mark(&mut frames);
        frames
    }

    fn libraries(frames: &[Frame]) -> Vec<bool> {
        frames.iter().map(|frame| frame.library).collect()
    }

    #[test]
    fn the_machinery_of_a_panic_is_not_the_programs_own() {
        let rust = [
            ("abort", ""),
            ("__rustc::__rust_abort", ""),
            (
                "std::process::abort",
                "/rustc/59807616/library/std/src/process.rs",
            ),
            ("rust_panic", "/rustc/59807616/library/std/src/panicking.rs"),
            (
                "core::panicking::panic_fmt",
                "/rustc/59807616/library/core/src/panicking.rs",
            ),
            (
                "<core::option::Option<T>>::unwrap",
                "/rustc/59807616/library/core/src/option.rs",
            ),
            ("prog::inner", "/home/user/prog/src/main.rs"),
            ("prog::main", "/home/user/prog/src/main.rs"),
        ];
        let rust = frames(&rust);
        assert_eq!(of_program(&rust), Some(6));
        let is_own = |index: usize| index >= 6;
        assert_eq!(
            libraries(&rust),
            [0, 1, 2, 3, 4, 5, 6, 7].map(|index| !is_own(index))
        );
    }

    #[test]
    fn without_files_names_decide() {
        let go = [
            ("runtime.panicmem", ""),
            ("runtime.sigpanic", ""),
            ("main.work", ""),
            ("main.main", ""),
        ];
        assert_eq!(of_program(&frames(&go)), Some(2));
        assert_eq!(
            of_program(&frames(&[("memcpy", ""), ("", ""), ("copy", "")])),
            Some(2)
        );
        assert_eq!(of_program(&frames(&[("", ""), ("", "")])), Some(0));
        assert_eq!(
            of_program(&frames(&[("abort", ""), ("_start", "")])),
            Some(0)
        );
        assert_eq!(of_program(&[]), None);
    }

    #[test]
    fn a_name_decides_where_only_the_machinery_has_files() {
        let snapshot = [
            ("abort", "/build/wasi-libc/libc-bottom-half/sources/abort.c"),
            ("rust_panic", "/rustc/59807616/library/std/src/panicking.rs"),
            ("panic::work", ""),
            ("_start", ""),
        ];
        assert_eq!(of_program(&frames(&snapshot)), Some(2));
    }

    #[test]
    fn a_function_of_the_programs_own_may_be_called_as_one_of_the_library() {
        let own = [
            ("abort", "/home/user/main.c"),
            ("main", "/home/user/main.c"),
        ];
        assert_eq!(of_program(&frames(&own)), Some(0));
        let std = [
            ("~lib/array/Array#__get", "~lib/array.ts"),
            ("assembly/index/main", "assembly/index.ts"),
        ];
        assert_eq!(of_program(&frames(&std)), Some(1));
    }
}
