//! What a component exports and imports, with the types of its values.

use super::abi::FLAT_ARGUMENTS;
use serde::Serialize;
use std::collections::HashMap;
use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex, ResourceType};

/// The functions that a component exports, each by its place in its list.
pub(crate) struct Interface {
    pub(crate) functions: Vec<Function>,
    /// What a caller is told of them, as JSON.
    pub(crate) described: String,
}

impl Described {
    pub(crate) fn function_count(&self) -> u32 {
        self.functions.len() as u32
    }
}

/// What a component imports that the host has to provide.
pub(crate) struct Imports {
    /// `None` stands for the component itself.
    pub(crate) interfaces: Vec<(Option<String>, ImportedInterface)>,
    /// What a submitter is told of them.
    pub(crate) described: Described,
}

/// The functions and resources of one imported instance.
#[derive(Default)]
pub(crate) struct ImportedInterface {
    pub(crate) functions: Vec<ImportedFunction>,
    /// Each with its place among the resources.
    pub(crate) resources: Vec<(String, u32)>,
}

/// An imported function.
pub(crate) struct ImportedFunction {
    pub(crate) name: String,
    /// Its place among the functions.
    pub(crate) number: u32,
    /// As how many core values its arguments come; 0 if they come through memory.
    pub(crate) parameters: usize,
    /// As how many core values its results are given, 0 or 1; 0 if they are given through memory.
    pub(crate) results: usize,
    /// Whether it is of WASI 0.3's `async` kind.
    pub(crate) is_async: bool,
    /// Whether resources, streams or futures may be in what it returns.
    pub(crate) refers: bool,
}

/// An exported function.
pub(crate) struct Function {
    pub(crate) export: ComponentExportIndex,
    /// How many core values it returns; 1 if it returns more than fit, through memory.
    pub(crate) results: usize,
}

/// Functions with the types of their values.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Described {
    types: Vec<ValueType>,
    resources: Vec<Resource>,
    functions: Vec<DescribedFunction>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribedFunction {
    /// The instance that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    name: String,
    parameters: Vec<(String, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<u32>,
    is_async: bool,
}

/// A resource type.
#[derive(Clone, Debug, Serialize)]
struct Resource {
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    owner: ResourceOwner,
}

/// Who has the resources of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ResourceOwner {
    /// The component.
    Guest,
    /// Its submitter.
    Host,
    /// What wasiexec provides.
    Wasi,
}

/// A type; numbers are places among the types, or of `own` and `borrow` among the resources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
enum ValueType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List { element: u32 },
    FixedList { element: u32, length: u32 },
    Map { key: u32, value: u32 },
    Record { fields: Vec<(String, u32)> },
    Tuple { types: Vec<u32> },
    Variant { cases: Vec<(String, Option<u32>)> },
    Enum { names: Vec<String> },
    Flags { names: Vec<String> },
    Option { some: u32 },
    Result { ok: Option<u32>, err: Option<u32> },
    Own { resource: u32 },
    Borrow { resource: u32 },
    Stream { element: Option<u32> },
    Future { element: Option<u32> },
    ErrorContext,
}

impl Imports {
    /// `is_provided` says which imports are not the submitter's.
    pub(crate) fn of(component: &Component, is_provided: fn(&str) -> bool) -> Self {
        let engine = component.engine();
        let ty = component.component_type();
        let mut all = Collected::of(component, is_provided);
        let mut own = ImportedInterface::default();
        let mut interfaces = Vec::new();
        for (name, import) in ty.imports(engine) {
            if is_provided(name) {
                continue;
            }
            match import.ty {
                ComponentItem::ComponentInstance(instance) => {
                    let mut imported = ImportedInterface::default();
                    for (item, ty) in instance.exports(engine) {
                        all.import(&mut imported, Some(name), item, &ty.ty);
                    }
                    interfaces.push((Some(name.to_owned()), imported));
                }
                other => all.import(&mut own, None, name, &other),
            }
        }
        interfaces.push((None, own));
        Self {
            interfaces,
            described: all.described,
        }
    }

    /// Whether there is nothing to provide.
    pub(crate) fn is_empty(&self) -> bool {
        let mut imported = self.interfaces.iter().map(|(_, interface)| interface);
        imported.all(|it| it.functions.is_empty() && it.resources.is_empty())
    }
}

impl Interface {
    /// `is_provided` says which imports are not the submitter's.
    pub(crate) fn of(component: &Component, is_provided: fn(&str) -> bool) -> Self {
        let mut all = Collected::of(component, is_provided);
        let (ty, engine) = (component.component_type(), component.engine());
        let mut functions = Vec::new();
        for (name, export) in ty.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(ty) => {
                    let export = component.get_export_index(None, name);
                    functions.extend(export.map(|export| all.function(None, name, &ty, export)));
                }
                ComponentItem::ComponentInstance(instance) => {
                    let Some(owner) = component.get_export_index(None, name) else {
                        continue;
                    };
                    for (function, item) in instance.exports(engine) {
                        let export = component.get_export_index(Some(&owner), function);
                        if let (ComponentItem::ComponentFunc(ty), Some(export)) = (item.ty, export)
                        {
                            functions.push(all.function(Some(name), function, &ty, export));
                        }
                    }
                }
                ComponentItem::CoreFunc(_)
                | ComponentItem::Module(_)
                | ComponentItem::Component(_)
                | ComponentItem::Type(_)
                | ComponentItem::Resource(_) => {}
            }
        }
        // Strings, numbers and booleans alone: this cannot fail.
        let described = serde_json::to_string(&all.described).unwrap_or_default();
        Self {
            functions,
            described,
        }
    }

    /// The function of this number.
    pub(crate) fn function(&self, number: usize) -> Option<&Function> {
        self.functions.get(number)
    }
}

#[derive(Default)]
struct Collected {
    described: Described,
    types: HashMap<ValueType, u32>,
    resources: Vec<ResourceType>,
}

impl Collected {
    /// With all resources that imports and exports name: their places do not depend on what is described.
    fn of(component: &Component, is_provided: fn(&str) -> bool) -> Self {
        let engine = component.engine();
        let ty = component.component_type();
        let mut this = Self::default();
        for (name, import) in ty.imports(engine) {
            let owner = match is_provided(name) {
                true => ResourceOwner::Wasi,
                false => ResourceOwner::Host,
            };
            this.name_resources(engine, name, &import.ty, owner);
        }
        for (name, export) in ty.exports(engine) {
            this.name_resources(engine, name, &export.ty, ResourceOwner::Guest);
        }
        this
    }

    fn name_resources(
        &mut self,
        engine: &Engine,
        name: &str,
        item: &ComponentItem,
        owner: ResourceOwner,
    ) {
        match item {
            ComponentItem::Resource(ty) => self.name_resource(*ty, None, name, owner),
            ComponentItem::ComponentInstance(instance) => {
                for (resource, item) in instance.exports(engine) {
                    if let ComponentItem::Resource(ty) = item.ty {
                        self.name_resource(ty, Some(name), resource, owner);
                    }
                }
            }
            _ => {}
        }
    }

    fn name_resource(
        &mut self,
        ty: ResourceType,
        interface: Option<&str>,
        name: &str,
        owner: ResourceOwner,
    ) {
        // Interfaces pass on the resources of others: the first to name one has it.
        if !self.resources.contains(&ty) {
            self.resources.push(ty);
            self.described.resources.push(Resource {
                interface: interface.map(str::to_owned),
                name: Some(name.to_owned()),
                owner,
            });
        }
    }

    fn import(
        &mut self,
        to: &mut ImportedInterface,
        interface: Option<&str>,
        name: &str,
        item: &ComponentItem,
    ) {
        match item {
            ComponentItem::ComponentFunc(ty) => {
                let number = self.described.functions.len() as u32;
                let (parameters, results) = self.describe_function(interface, name, ty);
                to.functions.push(ImportedFunction {
                    name: name.to_owned(),
                    number,
                    parameters: match parameters {
                        0..=FLAT_ARGUMENTS => parameters,
                        _ => 0,
                    },
                    results: usize::from(results == 1),
                    is_async: ty.async_(),
                    refers: ty.results().any(|ty| {
                        let ty = self.value(&ty);
                        self.refers(ty)
                    }),
                });
            }
            ComponentItem::Resource(ty) => {
                let place = self.resource(ty);
                // One that is passed on is defined where it comes from.
                if self.described.resources[place as usize]
                    .interface
                    .as_deref()
                    == interface
                {
                    to.resources.push((name.to_owned(), place));
                }
            }
            _ => {}
        }
    }

    fn resource(&mut self, ty: &ResourceType) -> u32 {
        let known = self.resources.iter().position(|known| known == ty);
        let place = known.unwrap_or_else(|| {
            self.resources.push(*ty);
            self.described.resources.push(Resource {
                interface: None,
                name: None,
                owner: ResourceOwner::Guest,
            });
            self.resources.len() - 1
        });
        place as u32
    }

    fn function(
        &mut self,
        interface: Option<&str>,
        name: &str,
        ty: &types::ComponentFunc,
        export: ComponentExportIndex,
    ) -> Function {
        let (_, results) = self.describe_function(interface, name, ty);
        Function {
            export,
            results: match results {
                0..=FLAT_ARGUMENTS => results,
                _ => 1,
            },
        }
    }

    /// Adds a function; returns as how many core values its arguments and its results are passed, if they are not passed
    /// through memory.
    fn describe_function(
        &mut self,
        interface: Option<&str>,
        name: &str,
        ty: &types::ComponentFunc,
    ) -> (usize, usize) {
        let parameters = ty.params();
        let parameters: Vec<_> = parameters
            .map(|(name, ty)| (name.to_owned(), self.value(&ty)))
            .collect();
        let result = ty.results().next().map(|ty| self.value(&ty));
        let counts = parameters.iter().map(|(_, ty)| self.flat_count(*ty));
        let counts = (
            counts.fold(0, usize::saturating_add),
            result.map_or(0, |ty| self.flat_count(ty)),
        );
        self.described.functions.push(DescribedFunction {
            interface: interface.map(str::to_owned),
            name: name.to_owned(),
            parameters,
            result,
            is_async: ty.async_(),
        });
        counts
    }

    /// Whether resources, streams or futures may be in values of a type.
    fn refers(&self, ty: u32) -> bool {
        let any = |mut types: &mut dyn Iterator<Item = u32>| (&mut types).any(|ty| self.refers(ty));
        match &self.described.types[ty as usize] {
            ValueType::Own { .. }
            | ValueType::Borrow { .. }
            | ValueType::Stream { .. }
            | ValueType::Future { .. } => true,
            ValueType::List { element } | ValueType::FixedList { element, .. } => {
                self.refers(*element)
            }
            ValueType::Map { key, value } => any(&mut [*key, *value].into_iter()),
            ValueType::Record { fields } => any(&mut fields.iter().map(|(_, ty)| *ty)),
            ValueType::Tuple { types } => any(&mut types.iter().copied()),
            ValueType::Variant { cases } => any(&mut cases.iter().filter_map(|(_, ty)| *ty)),
            ValueType::Option { some } => self.refers(*some),
            ValueType::Result { ok, err } => any(&mut ok.iter().chain(err).copied()),
            // What has no parts is a number, text or a name.
            _ => false,
        }
    }

    /// As how many core values a type is passed; anything over [`FLAT_ARGUMENTS`] for more than these.
    fn flat_count(&self, ty: u32) -> usize {
        let sum = |types: &mut dyn Iterator<Item = u32>| -> usize {
            types
                .map(|ty| self.flat_count(ty))
                .fold(0, usize::saturating_add)
        };
        let cases = |types: &mut dyn Iterator<Item = u32>| {
            let most = types.map(|ty| self.flat_count(ty)).max();
            most.unwrap_or(0).saturating_add(1)
        };
        match &self.described.types[ty as usize] {
            ValueType::String | ValueType::List { .. } | ValueType::Map { .. } => 2,
            ValueType::FixedList { element, length } => {
                self.flat_count(*element).saturating_mul(*length as usize)
            }
            ValueType::Record { fields } => sum(&mut fields.iter().map(|(_, ty)| *ty)),
            ValueType::Tuple { types } => sum(&mut types.iter().copied()),
            ValueType::Variant { cases: all } => cases(&mut all.iter().filter_map(|(_, ty)| *ty)),
            ValueType::Option { some } => cases(&mut [*some].into_iter()),
            ValueType::Result { ok, err } => cases(&mut ok.iter().chain(err).copied()),
            ValueType::Bool
            | ValueType::S8
            | ValueType::U8
            | ValueType::S16
            | ValueType::U16
            | ValueType::S32
            | ValueType::U32
            | ValueType::S64
            | ValueType::U64
            | ValueType::F32
            | ValueType::F64
            | ValueType::Char
            | ValueType::Own { .. }
            | ValueType::Borrow { .. }
            | ValueType::Stream { .. }
            | ValueType::Future { .. }
            | ValueType::Enum { .. }
            | ValueType::Flags { .. }
            | ValueType::ErrorContext => 1,
        }
    }

    /// The place of a type among the types.
    fn value(&mut self, ty: &Type) -> u32 {
        let described = self.describe(ty);
        if let Some(known) = self.types.get(&described) {
            return *known;
        }
        let next = self.described.types.len() as u32;
        self.described.types.push(described.clone());
        self.types.insert(described, next);
        next
    }

    fn optional(&mut self, ty: Option<Type>) -> Option<u32> {
        ty.map(|ty| self.value(&ty))
    }

    fn describe(&mut self, ty: &Type) -> ValueType {
        match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(list) => ValueType::List {
                element: self.value(&list.ty()),
            },
            Type::FixedLengthList(list) => ValueType::FixedList {
                element: self.value(&list.ty()),
                length: list.len(),
            },
            Type::Map(map) => ValueType::Map {
                key: self.value(&map.key()),
                value: self.value(&map.value()),
            },
            Type::Record(record) => ValueType::Record {
                fields: record
                    .fields()
                    .map(|field| (field.name.to_owned(), self.value(&field.ty)))
                    .collect(),
            },
            Type::Tuple(tuple) => ValueType::Tuple {
                types: tuple.types().map(|ty| self.value(&ty)).collect(),
            },
            Type::Variant(variant) => ValueType::Variant {
                cases: variant
                    .cases()
                    .map(|case| (case.name.to_owned(), self.optional(case.ty)))
                    .collect(),
            },
            Type::Enum(names) => ValueType::Enum {
                names: names.names().map(str::to_owned).collect(),
            },
            Type::Flags(flags) => ValueType::Flags {
                names: flags.names().map(str::to_owned).collect(),
            },
            Type::Option(option) => ValueType::Option {
                some: self.value(&option.ty()),
            },
            Type::Result(result) => ValueType::Result {
                ok: self.optional(result.ok()),
                err: self.optional(result.err()),
            },
            Type::Own(resource) => ValueType::Own {
                resource: self.resource(resource),
            },
            Type::Borrow(resource) => ValueType::Borrow {
                resource: self.resource(resource),
            },
            Type::Stream(stream) => ValueType::Stream {
                element: self.optional(stream.ty()),
            },
            Type::Future(future) => ValueType::Future {
                element: self.optional(future.ty()),
            },
            Type::ErrorContext => ValueType::ErrorContext,
        }
    }
}
