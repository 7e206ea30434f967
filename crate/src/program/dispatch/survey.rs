//! What a module says about its tables.

use std::ops::Range;
use wasmparser::{
    CompositeInnerType, ConstExpr, Element, ElementItems, ElementKind, ExternalKind, FuncType,
    FunctionBody, HeapType, Operator, Parser, Payload, RefType, SubType, TableInit, TableType,
    TypeRef, ValType,
};

/// A module, as far as its tables are concerned.
#[derive(Default)]
pub(super) struct Survey<'a> {
    pub(super) types: Vec<FuncType>,
    /// The type of each function, imports first.
    pub(super) functions: Vec<u32>,
    tables: Vec<Table>,
    pub(super) segments: Vec<Segment>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
}

struct Table {
    /// Whether its functions may be called by dispatchers.
    is_eligible: bool,
    /// How many elements it begins with.
    size: u64,
}

/// An element segment.
pub(super) struct Segment {
    /// Where it is in the module.
    pub(super) range: Range<usize>,
    /// Set for those that tables begin with, if they are as simple as most are.
    active: Option<Active>,
}

/// Elements that a table begins with.
pub(super) struct Active {
    pub(super) table: u32,
    pub(super) offset: u32,
    pub(super) elements: Vec<Option<u32>>,
    /// Whether they are written as expressions.
    pub(super) has_expressions: bool,
}

impl<'a> Survey<'a> {
    /// `None` for a module that has to be compiled as it is.
    pub(super) fn read(wasm: &'a [u8]) -> Option<Self> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            survey.add(payload.ok()?)?;
        }
        Some(survey)
    }

    fn add(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    let group = group.ok()?;
                    if group.is_explicit_rec_group() {
                        return None;
                    }
                    for ty in group.into_types() {
                        self.types.push(plain_type(ty)?);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import.ok()?.ty {
                        TypeRef::Func(ty) => self.functions.push(ty),
                        TypeRef::FuncExact(_) => return None,
                        TypeRef::Table(_) => self.tables.push(Table {
                            is_eligible: false,
                            size: 0,
                        }),
                        TypeRef::Memory(_) | TypeRef::Global(_) | TypeRef::Tag(_) => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty.ok()?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table.ok()?;
                    self.tables.push(Table {
                        is_eligible: is_plain_table(&table.ty)
                            && matches!(table.init, TableInit::RefNull),
                        size: table.ty.initial,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    if export.kind == ExternalKind::Table {
                        self.disqualify(export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    self.add_segment(element.ok()?)?;
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Some(())
    }

    fn add_segment(&mut self, element: Element<'a>) -> Option<()> {
        let active = match element.kind {
            ElementKind::Active {
                table_index,
                offset_expr,
            } => {
                let table = table_index.unwrap_or(0);
                let active = active(table, &offset_expr, element.items);
                if !active.as_ref().is_some_and(|active| self.fits(active)) {
                    self.disqualify(table);
                }
                active
            }
            ElementKind::Passive | ElementKind::Declared => None,
        };
        let count = self.functions.len();
        let is_known = |(_, function)| (function as usize) < count;
        if !active.iter().flat_map(Active::functions).all(is_known) {
            return None;
        }
        self.segments.push(Segment {
            range: element.range,
            active,
        });
        Some(())
    }

    fn fits(&self, active: &Active) -> bool {
        let end = u64::from(active.offset) + active.elements.len() as u64;
        let table = self.tables.get(active.table as usize);
        table.is_some_and(|table| end <= table.size)
    }

    /// Leaves a table as it is.
    pub(super) fn disqualify(&mut self, table: u32) {
        if let Some(table) = self.tables.get_mut(table as usize) {
            table.is_eligible = false;
        }
    }

    pub(super) fn is_eligible(&self, table: u32) -> bool {
        let table = self.tables.get(table as usize);
        table.is_some_and(|table| table.is_eligible)
    }

    /// The elements of a segment, if they are those of an eligible table.
    pub(super) fn eligible<'s>(&self, segment: &'s Segment) -> Option<&'s Active> {
        let active = segment.active.as_ref();
        active.filter(|active| self.is_eligible(active.table))
    }

    /// How many functions the segments of eligible tables have.
    pub(super) fn elements(&self) -> usize {
        let eligible = self.segments.iter().filter_map(|it| self.eligible(it));
        eligible.map(|active| active.functions().count()).sum()
    }
}

impl Active {
    /// Each function, with its index in the table.
    pub(super) fn functions(&self) -> impl Iterator<Item = (u32, u32)> {
        let elements = (self.offset..=u32::MAX).zip(&self.elements);
        elements.filter_map(|(index, element)| Some((index, (*element)?)))
    }
}

/// The type, if it is a function type as it was in the first version of WebAssembly: equal to those that look the same.
fn plain_type(ty: SubType) -> Option<FuncType> {
    if !ty.is_final || ty.supertype_idx.is_some() || ty.composite_type.shared {
        return None;
    }
    let CompositeInnerType::Func(ty) = ty.composite_type.inner else {
        return None;
    };
    let is_plain = |ty: &ValType| match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => true,
        ValType::Ref(ty) => [RefType::FUNCREF, RefType::EXTERNREF].contains(ty),
    };
    let mut types = ty.params().iter().chain(ty.results());
    types.all(is_plain).then_some(ty)
}

fn is_plain_table(ty: &TableType) -> bool {
    ty.element_type == RefType::FUNCREF && !ty.table64 && !ty.shared
}

fn active(table: u32, offset: &ConstExpr<'_>, items: ElementItems<'_>) -> Option<Active> {
    let Operator::I32Const { value } = only_operator(offset)? else {
        return None;
    };
    let (elements, has_expressions) = match items {
        ElementItems::Functions(functions) => {
            let functions = functions
                .into_iter()
                .map(|function| function.ok().map(Some));
            (functions.collect::<Option<_>>()?, false)
        }
        ElementItems::Expressions(RefType::FUNCREF, expressions) => {
            let elements = expressions.into_iter().map(|it| element(&it.ok()?));
            (elements.collect::<Option<_>>()?, true)
        }
        ElementItems::Expressions(..) => return None,
    };
    Some(Active {
        table,
        offset: value as u32,
        elements,
        has_expressions,
    })
}

fn element(expression: &ConstExpr<'_>) -> Option<Option<u32>> {
    match only_operator(expression)? {
        Operator::RefFunc { function_index } => Some(Some(function_index)),
        Operator::RefNull {
            hty: HeapType::FUNC,
        } => Some(None),
        _ => None,
    }
}

fn only_operator<'a>(expression: &ConstExpr<'a>) -> Option<Operator<'a>> {
    let mut reader = expression.get_operators_reader();
    let operator = reader.read().ok()?;
    reader.is_end_then_eof().then_some(operator)
}
