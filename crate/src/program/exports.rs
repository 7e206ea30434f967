//! What a caller can use of an instance: the functions, memories and globals that a module exports.

use crate::guest::NumberType;
use serde::Serialize;
use wasmtime::{ExternType, HeapType, Module, ModuleExport, Mutability, ValType};

/// The exports of a module, each by its place in its list.
pub(crate) struct Exports {
    functions: Vec<Function>,
    memories: Vec<ModuleExport>,
    globals: Vec<Global>,
    /// `_initialize`, which is called before any other function.
    pub(crate) initialize: Option<usize>,
    /// What a caller is told of them, as JSON.
    pub(crate) described: String,
}

/// An exported function.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) export: ModuleExport,
    /// `None` if it takes or returns anything but numbers.
    pub(crate) signature: Option<Signature>,
}

/// The types of a function that takes and returns numbers.
pub(crate) struct Signature {
    pub(crate) parameters: Box<[NumberType]>,
    pub(crate) results: Box<[NumberType]>,
}

/// An exported global.
pub(crate) struct Global {
    pub(crate) export: ModuleExport,
    /// `None` if it is anything but a number.
    pub(crate) ty: Option<NumberType>,
}

#[derive(Default, Serialize)]
struct Described<'a> {
    functions: Vec<DescribedFunction<'a>>,
    memories: Vec<DescribedMemory<'a>>,
    globals: Vec<DescribedGlobal<'a>>,
}

#[derive(Serialize)]
struct DescribedFunction<'a> {
    name: &'a str,
    parameters: Vec<String>,
    results: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribedMemory<'a> {
    name: &'a str,
    is_64: bool,
}

#[derive(Serialize)]
struct DescribedGlobal<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    mutable: bool,
}

impl Exports {
    pub(crate) fn of(module: &Module) -> Self {
        let (mut functions, mut memories, mut globals) = (Vec::new(), Vec::new(), Vec::new());
        let mut described = Described::default();
        for item in module.exports() {
            let name = item.name();
            let Some(export) = module.get_export_index(name) else {
                continue;
            };
            match item.ty() {
                ExternType::Func(ty) => {
                    described.functions.push(DescribedFunction {
                        name,
                        parameters: ty.params().map(|ty| type_name(&ty)).collect(),
                        results: ty.results().map(|ty| type_name(&ty)).collect(),
                    });
                    functions.push(Function {
                        name: name.to_owned(),
                        export,
                        signature: Signature::of(ty.params(), ty.results()),
                    });
                }
                ExternType::Memory(ty) => {
                    described.memories.push(DescribedMemory {
                        name,
                        is_64: ty.is_64(),
                    });
                    memories.push(export);
                }
                ExternType::Global(ty) => {
                    let mutable = ty.mutability() == Mutability::Var;
                    described.globals.push(DescribedGlobal {
                        name,
                        ty: type_name(ty.content()),
                        mutable,
                    });
                    globals.push(Global {
                        export,
                        ty: NumberType::of(ty.content()),
                    });
                }
                ExternType::Table(_) | ExternType::Tag(_) => {}
            }
        }
        // Strings and booleans alone: this cannot fail.
        let described = serde_json::to_string(&described).unwrap_or_default();
        let initialize = functions
            .iter()
            .position(|function| function.name == "_initialize");
        Self {
            functions,
            memories,
            globals,
            initialize,
            described,
        }
    }

    pub(crate) fn function(&self, number: usize) -> Option<&Function> {
        self.functions.get(number)
    }

    pub(crate) fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// The number of the function of this name.
    pub(crate) fn function_named(&self, name: &str) -> Option<usize> {
        let mut functions = self.functions.iter();
        functions.position(|function| function.name == name)
    }

    pub(crate) fn memory(&self, number: usize) -> Option<&ModuleExport> {
        self.memories.get(number)
    }

    pub(crate) fn global(&self, number: usize) -> Option<&Global> {
        self.globals.get(number)
    }
}

impl Signature {
    fn of(
        parameters: impl Iterator<Item = ValType>,
        results: impl Iterator<Item = ValType>,
    ) -> Option<Self> {
        let numbers = |types: &mut dyn Iterator<Item = ValType>| {
            types.map(|ty| NumberType::of(&ty)).collect::<Option<_>>()
        };
        let (mut parameters, mut results) = (parameters, results);
        Some(Self {
            parameters: numbers(&mut parameters)?,
            results: numbers(&mut results)?,
        })
    }
}

/// As in the text format.
fn type_name(ty: &ValType) -> String {
    match ty {
        ValType::Ref(ty) if ty.is_nullable() && matches!(ty.heap_type(), HeapType::Func) => {
            "funcref".into()
        }
        ValType::Ref(ty) if ty.is_nullable() && matches!(ty.heap_type(), HeapType::Extern) => {
            "externref".into()
        }
        other => other.to_string(),
    }
}
