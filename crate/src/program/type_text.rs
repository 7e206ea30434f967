//! Types of imports and exports as text, for people.

use std::fmt::{Display, Write};
use wasmtime::component::Type;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::{Engine, ExternType, Mutability, ValType};

/// Component types can be nested and shared in such a way that the text of one would never end.
const MAX_LENGTH: usize = 400;

/// `(i32, i32) -> i32`, `2 pages or more`, `mut i64`.
pub(crate) fn of_extern(ty: &ExternType) -> String {
    let text = match ty {
        ExternType::Func(ty) => signature(ty.params(), ty.results()),
        ExternType::Global(ty) => match ty.mutability() {
            Mutability::Var => format!("mut {}", ty.content()),
            Mutability::Const => ty.content().to_string(),
        },
        ExternType::Table(ty) => {
            let range = range(ty.minimum(), ty.maximum(), "element");
            format!("{} of {}", range, ty.element())
        }
        ExternType::Memory(ty) => {
            let mut text = range(ty.minimum(), ty.maximum(), "page");
            if ty.page_size() != 1 << 16 {
                let _ = write!(text, " of {} bytes", ty.page_size());
            }
            for (holds, word) in [(ty.is_64(), "64-bit"), (ty.is_shared(), "shared")] {
                if holds {
                    let _ = write!(text, ", {word}");
                }
            }
            text
        }
        ExternType::Tag(ty) => signature(ty.ty().params(), ty.ty().results()),
    };
    cut(text)
}

/// `(name: string) -> list<u8>`, `3 functions, 1 resource`.
pub(crate) fn of_item(item: &ComponentItem, engine: &Engine) -> String {
    let text = match item {
        ComponentItem::ComponentFunc(ty) => component_signature(ty),
        ComponentItem::CoreFunc(ty) => signature(ty.params(), ty.results()),
        ComponentItem::ComponentInstance(ty) => {
            let (mut functions, mut resources) = (0, 0);
            for (_, export) in ty.exports(engine) {
                match export.ty {
                    ComponentItem::ComponentFunc(_) => functions += 1,
                    ComponentItem::Resource(_) => resources += 1,
                    _ => {}
                }
            }
            let counts = [(functions, "function"), (resources, "resource")];
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            let counts = counts.map(|(count, what)| {
                let plural = if *count == 1 { "" } else { "s" };
                format!("{count} {what}{plural}")
            });
            counts.collect::<Vec<_>>().join(", ")
        }
        ComponentItem::Type(ty) => {
            let mut text = String::new();
            write_type(&mut text, ty);
            text
        }
        ComponentItem::Module(_) | ComponentItem::Component(_) | ComponentItem::Resource(_) => {
            String::new()
        }
    };
    cut(text)
}

fn signature(
    params: impl Iterator<Item = ValType>,
    results: impl ExactSizeIterator<Item = ValType>,
) -> String {
    let parameters = join(params);
    match results.len() {
        0 => format!("({parameters})"),
        1 => format!("({parameters}) -> {}", join(results)),
        _ => format!("({parameters}) -> ({})", join(results)),
    }
}

fn join(values: impl Iterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for value in values {
        if text.len() > MAX_LENGTH {
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        let _ = write!(text, "{value}");
    }
    text
}

fn range(minimum: u64, maximum: Option<u64>, unit: &str) -> String {
    let count = |n| match n {
        1 => format!("1 {unit}"),
        n => format!("{n} {unit}s"),
    };
    match maximum {
        Some(maximum) if maximum == minimum => count(minimum),
        Some(maximum) => format!("{minimum} to {}", count(maximum)),
        None => format!("{} or more", count(minimum)),
    }
}

fn component_signature(ty: &ComponentFunc) -> String {
    let mut text = String::from(if ty.async_() { "async (" } else { "(" });
    for (index, (name, ty)) in ty.params().enumerate() {
        if text.len() > MAX_LENGTH {
            break;
        }
        text.push_str(if index == 0 { "" } else { ", " });
        text.push_str(name);
        text.push_str(": ");
        write_type(&mut text, &ty);
    }
    text.push(')');
    if let Some(result) = ty.results().next() {
        text.push_str(" -> ");
        write_type(&mut text, &result);
    }
    text
}

/// Writes a type as WIT does, as far as the component has the names for that. Stops at the maximum length.
fn write_type(text: &mut String, ty: &Type) {
    if text.len() > MAX_LENGTH {
        return;
    }
    let name = match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        // The component does not have the names of these.
        Type::Record(_) => "record",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Flags(_) => "flags",
        Type::Own(_) => "resource",
        Type::Borrow(_) => "borrow<resource>",
        Type::ErrorContext => "error-context",
        Type::List(list) => return write_generic(text, "list", &[Some(list.ty())]),
        Type::FixedLengthList(list) => return write_generic(text, "list", &[Some(list.ty())]),
        Type::Map(map) => return write_generic(text, "map", &[Some(map.key()), Some(map.value())]),
        Type::Option(option) => return write_generic(text, "option", &[Some(option.ty())]),
        Type::Result(result) => return write_generic(text, "result", &[result.ok(), result.err()]),
        Type::Future(future) => return write_generic(text, "future", &[future.ty()]),
        Type::Stream(stream) => return write_generic(text, "stream", &[stream.ty()]),
        Type::Tuple(tuple) => {
            let types: Vec<_> = tuple.types().map(Some).collect();
            return write_generic(text, "tuple", &types);
        }
    };
    text.push_str(name);
}

/// `list<u8>`, `result<_, string>`, `result`.
fn write_generic(text: &mut String, name: &str, parameters: &[Option<Type>]) {
    text.push_str(name);
    let given = parameters.iter().rposition(Option::is_some);
    let Some(last) = given else { return };
    text.push('<');
    for (index, parameter) in parameters[..=last].iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        match parameter {
            Some(ty) => write_type(text, ty),
            None => text.push('_'),
        }
        if text.len() > MAX_LENGTH {
            return;
        }
    }
    text.push('>');
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_LENGTH {
        text.truncate(text.floor_char_boundary(MAX_LENGTH));
        text.push('…');
    }
    text
}
