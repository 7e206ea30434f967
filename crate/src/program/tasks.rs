//! Whether a component needs an engine with tasks.

use crate::engine::Tasks;
use crate::wasi::LOGGING;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// What begins the versions of the WASI whose functions need no tasks.
const WITHOUT: &str = "0.2.";

/// A component that is valid without async functions, streams and futures, and has nothing of a later WASI, needs no tasks.
/// Bodies of functions are not looked at: core code cannot say.
pub(super) fn tasks_of(component: &[u8]) -> Tasks {
    let mut validator = Validator::new_with_features(WasmFeatures::all() - WasmFeatures::CM_ASYNC);
    for payload in Parser::new(0).parse_all(component) {
        // What is not valid at all is refused by any engine.
        let Ok(payload) = payload else {
            return Tasks::Present;
        };
        if is_of_later_wasi(&payload) || validator.payload(&payload).is_err() {
            return Tasks::Present;
        }
    }
    Tasks::Absent
}

/// Whether it imports or exports an interface of a WASI whose functions need tasks.
fn is_of_later_wasi(payload: &Payload<'_>) -> bool {
    let is_later = |name: &str| {
        let version = name.split_once('@').map(|(_, version)| version);
        name.starts_with("wasi:")
            && !LOGGING.contains(&name)
            && !version.is_some_and(|version| version.starts_with(WITHOUT))
    };
    match payload {
        Payload::ComponentImportSection(section) => {
            let mut imports = section.clone().into_iter().flatten();
            imports.any(|import| is_later(import.name.name))
        }
        Payload::ComponentExportSection(section) => {
            let mut exports = section.clone().into_iter().flatten();
            exports.any(|export| is_later(export.name.name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::tasks_of;
    use crate::engine::Tasks;

    fn tasks(text: &str) -> Tasks {
        tasks_of(&wat::parse_str(text).expect("WAT"))
    }

    #[test]
    fn what_can_only_be_done_with_tasks_needs_them() {
        for text in [
            r#"(component (type (func async)))"#,
            r#"(component (type (stream u8)))"#,
            r#"(component (type (future)))"#,
            r#"(component (import "f" (func async)))"#,
            r#"(component (core func (canon task.return)))"#,
            "(component (component (type (func async))))",
            r#"(component (import "wasi:clocks/monotonic-clock@0.3.0" (instance (export "now" (func (result u64))))))"#,
            r#"(component (instance $run) (export "wasi:cli/run@0.3.0" (instance $run)))"#,
        ] {
            assert_eq!(tasks(text), Tasks::Present, "{text}");
        }
    }

    #[test]
    fn others_need_none() {
        for text in [
            "(component)",
            r#"(component (type (func (param "a" (list u8)) (result string))))"#,
            r#"(component (import "a:b/c" (instance (export "f" (func)))))"#,
            r#"(component (import "wasi:clocks/monotonic-clock@0.2.3" (instance (export "now" (func (result u64))))))"#,
            r#"(component (import "wasi:logging/logging@0.1.0-draft" (instance)))"#,
            r#"(component (import "wasi:logging/logging" (instance)))"#,
            r#"(component (core module (func (export "f") unreachable)))"#,
        ] {
            assert_eq!(tasks(text), Tasks::Absent, "{text}");
        }
    }
}
